"""Several raylets on this machine, which stand for several machines; a process of its own.

Its argument: how many, beside the head. Prints the cluster's address, then does what it is told
on standard input: `add` a machine, or `kill` the latest with all that runs there at once.
"""

import sys

import psutil  # type: ignore[import-untyped]
import ray
from ray.cluster_utils import Cluster

MACHINE = {"num_cpus": 1, "object_store_memory": 80_000_000}


def kill(raylet: psutil.Process) -> None:
    """As if the machine lost its power."""
    below = raylet.children(recursive=True)
    for process in (raylet, *below):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def main() -> None:
    """Run until the input ends. The head has no processor, so that replicas are on the others."""
    head = {**MACHINE, "num_cpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    machines = [cluster.add_node(**MACHINE) for _ in range(int(sys.argv[1]))]
    ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
    sys.stdout.write(f"address {cluster.address}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        if line.strip() == "add":
            machines.append(cluster.add_node(**MACHINE))
        elif line.strip() == "kill":
            machine = machines.pop()
            (raylet,) = machine.all_processes["raylet"]
            kill(psutil.Process(raylet.process.pid))
            cluster.remove_node(machine, allow_graceful=False)
        sys.stdout.write("done\n")
        sys.stdout.flush()
    ray.shutdown()
    cluster.shutdown()


main()
