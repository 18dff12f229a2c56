"""Clusters understand what lies in `deploy/`, and it fits the service: options, routes, ports."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer.main
import yaml

from lsp_server import __version__
from lsp_server.http.cli import app
from lsp_server.http.config import KEYS_VARIABLE, STATE_VARIABLE, ServeConfig
from lsp_server.http.operation.routes import DIALECT

DEPLOY = Path(__file__).parents[2] / "deploy"
CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text()
NAMES = {"app.kubernetes.io/name": "lory"}
KUBERNETES = "1.32"


def documents(folder: str) -> Iterator[dict[str, Any]]:
    for path in sorted((DEPLOY / folder).glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


OBJECTS = {document["kind"]: document for document in documents("kubernetes")}
(KNATIVE,) = documents("knative")
DEPLOYMENT = OBJECTS["Deployment"]["spec"]["template"]
PODS = {"kubernetes": DEPLOYMENT["spec"], "knative": KNATIVE["spec"]["template"]["spec"]}
KNATIVE_OWN = ("containerConcurrency", "timeoutSeconds")
OTHERS = ("Kustomization", "ServiceMonitor")
"""Kinds that a cluster has of other projects, if at all: no schema of Kubernetes has them."""


@pytest.mark.parametrize("kind", sorted(OBJECTS.keys() - OTHERS))
def test_kubernetes_knows_every_field(kind: str) -> None:
    kubernetes_validate.validate(OBJECTS[kind], KUBERNETES, strict=True)


def test_what_knative_runs_is_a_pod_but_for_its_own_two_fields() -> None:
    spec = {name: value for name, value in PODS["knative"].items() if name not in KNATIVE_OWN}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lory"}, "spec": spec}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    assert KNATIVE["apiVersion"] == "serving.knative.dev/v1"
    assert PODS["knative"]["timeoutSeconds"] > ServeConfig().deadline


def test_a_field_that_no_cluster_knows_is_found() -> None:
    wrong = {**OBJECTS["Service"], "spec": {**OBJECTS["Service"]["spec"], "prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_a_pod_is_nobody_special_and_writes_nothing_but_its_state(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    user = re.search(r"^USER (\d+):\d+$", CONTAINERFILE, re.MULTILINE)
    assert user is not None
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == int(user[1])
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounted = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    state = re.search(rf"\b{STATE_VARIABLE}=(\S+)", CONTAINERFILE)
    assert state is not None
    assert "emptyDir" in volumes[mounted[state[1]]["name"]]
    (keys,) = (one["value"] for one in container["env"] if one["name"] == KEYS_VARIABLE)
    assert "secret" in volumes[mounted[str(Path(keys).parent)]["name"]]


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_a_pod_is_started_with_options_and_asked_by_routes_that_there_are(
    pod: dict[str, Any],
) -> None:
    (container,) = pod["containers"]
    command = typer.main.get_command(app)
    with command.make_context("serve", list(container["args"])) as context:
        assert context.params["host"] == "0.0.0.0"  # noqa: S104 - a container's own network
        assert context.params["engines"] == int(container["resources"]["limits"]["cpu"])
        assert context.params["port"] == container["ports"][0]["containerPort"]
    public = {route.path for route in DIALECT.routes if route.is_public}
    probes = [value for name, value in container.items() if name.endswith("Probe")]
    assert probes
    assert {probe["httpGet"]["path"] for probe in probes} <= public


def test_what_belongs_together_names_the_same_pods() -> None:
    spec = {kind: OBJECTS[kind]["spec"] for kind in OBJECTS if kind != "Kustomization"}
    assert DEPLOYMENT["metadata"]["labels"] == NAMES
    assert spec["Service"]["selector"] == NAMES
    assert spec["NetworkPolicy"]["podSelector"]["matchLabels"] == NAMES
    for kind in ("Deployment", "PodDisruptionBudget", "ServiceMonitor"):
        assert spec[kind]["selector"]["matchLabels"] == NAMES
    target = spec["HorizontalPodAutoscaler"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (
        "Deployment",
        OBJECTS["Deployment"]["metadata"]["name"],
    )
    assert (
        spec["HorizontalPodAutoscaler"]["minReplicas"] > spec["PodDisruptionBudget"]["minAvailable"]
    )
    (port,) = spec["Service"]["ports"]
    assert port["targetPort"] == PODS["kubernetes"]["containers"][0]["ports"][0]["name"]
    assert [one["port"] for one in spec["NetworkPolicy"]["ingress"][0]["ports"]] == [port["port"]]
    assert {point["port"] for point in spec["ServiceMonitor"]["endpoints"]} == {port["name"]}


def test_requests_have_the_time_to_end_before_a_pod_does() -> None:
    assert PODS["kubernetes"]["terminationGracePeriodSeconds"] > ServeConfig().drain_seconds


def test_the_image_is_named_by_this_version() -> None:
    (image,) = OBJECTS["Kustomization"]["images"]
    assert image["name"] == PODS["kubernetes"]["containers"][0]["image"]
    assert f"{image['newName']}:{image['newTag']}" == PODS["knative"]["containers"][0]["image"]
    assert image["newTag"] == __version__


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl here")
def test_kustomize_renders_it_all() -> None:
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rendered = list(yaml.safe_load_all(done.stdout))
    assert {one["kind"] for one in rendered} == OBJECTS.keys() - {"Kustomization"}
    for one in rendered:
        assert one["metadata"]["namespace"] == "lory"
        if one["kind"] not in OTHERS:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
