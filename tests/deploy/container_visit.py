"""Runs in a container without a network: starts the service, asks it once, ends it, tells how long.

`container_visit.py KEY USER COMMAND...` prints a JSON object.
"""

import json
import signal
import subprocess
import sys
from http.client import HTTPConnection
from time import monotonic, sleep

PORT = 8012
PATIENCE = 120.0
ASKED = {"prompt": "def add(a, b):\n    return ", "min_probability": 0}


def ask(method: str, path: str, key: str = "", body: object = None) -> tuple[int, str]:
    """Status and content; 0 while nobody listens."""
    connection = HTTPConnection("127.0.0.1", PORT, timeout=30)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        connection.request(method, path, json.dumps(body) if body else None, headers)
        found = connection.getresponse()
        return found.status, found.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def main() -> None:
    """Start, wait until it is ready, complete, end."""
    key, user, *command = sys.argv[1:]
    nobody = int(user)
    begun = monotonic()
    with subprocess.Popen(command, user=nobody, group=nobody, extra_groups=[]) as service:
        while ask("GET", "/readyz")[0] != 200:
            if service.poll() is not None or monotonic() - begun > PATIENCE:
                service.kill()
                sys.exit(f"not ready, exit code {service.poll()}")
            sleep(0.01)
        ready = monotonic() - begun
        status, content = ask("POST", "/v1/completions", key, ASKED)
        completed = monotonic() - begun
        refused, _ = ask("POST", "/v1/completions", "wrong", ASKED)
        service.send_signal(signal.SIGTERM)
        code = service.wait(30)
    figures = {"ready": ready, "completed": completed, "code": code, "refused": refused}
    sys.stdout.write(json.dumps({"status": status, "content": content, **figures}))


if __name__ == "__main__":
    main()
