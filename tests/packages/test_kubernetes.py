"""The manifests for Kubernetes: as their schemas have them, and in step with each other and with netcheck."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml

from netcheck.config.file import check
from netcheck.export.families import FAMILIES

CONFIG = Path(__file__).parents[2] / "config"
OLDEST = "1.30"
SERVICE_MONITOR = json.loads(Path(__file__).with_name("servicemonitor.schema.json").read_text())


def manifests() -> dict[str, Any]:
    """By kind."""
    texts = [(CONFIG / "kubernetes" / name).read_text() for name in ("netcheck.yaml", "servicemonitor.yaml")]
    return {each["kind"]: each for text in texts for each in yaml.safe_load_all(text)}


@pytest.fixture
def found() -> dict[str, Any]:
    return manifests()


def validate(manifest: Any, version: str) -> None:
    if manifest["kind"] == "ServiceMonitor":
        jsonschema.validate(manifest, SERVICE_MONITOR)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("kind", ["ConfigMap", "Deployment", "Service", "ServiceMonitor"])
def test_a_manifest_is_as_its_schema_has_it(found: dict[str, Any], kind: str, version: str) -> None:
    validate(found[kind], version)


def spoilt(kind: str, *where: str | int) -> Any:
    """A manifest with a key that is none."""
    manifest = copy.deepcopy(manifests()[kind])
    inner = manifest
    for key in where:
        inner = inner[key]
    inner["hostNetworks"] = True
    return manifest


@pytest.mark.parametrize(
    "manifest",
    [
        spoilt("Deployment", "spec", "template", "spec"),
        spoilt("Deployment", "spec", "template", "spec", "containers", 0, "securityContext"),
        spoilt("Service", "spec", "ports", 0),
        spoilt("ServiceMonitor", "spec", "endpoints", 0),
    ],
)
def test_a_slip_of_the_pen_would_be_seen(manifest: Any) -> None:
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        validate(manifest, OLDEST)


def test_the_config_in_it_is_right_and_is_where_the_container_looks(
    found: dict[str, Any], tmp_path: Path
) -> None:
    ((name, text),) = found["ConfigMap"]["data"].items()
    (tmp_path / name).write_text(text)
    config = check(tmp_path / name)
    assert [path.name for path in config.paths] == ["direct"]
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (mount,) = pod["containers"][0]["volumeMounts"]
    assert f"{mount['mountPath']}/{name}" in (CONFIG / "container" / "Containerfile").read_text()
    assert pod["volumes"][0]["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]


def test_the_config_of_the_container_is_right() -> None:
    assert [path.name for path in check(CONFIG / "container" / "netcheck.yaml").paths] == ["direct"]


def test_the_scraper_finds_the_service_and_the_service_the_pod(found: dict[str, Any]) -> None:
    pod = found["Deployment"]["spec"]["template"]
    service, monitor = found["Service"], found["ServiceMonitor"]
    (container_port,) = pod["spec"]["containers"][0]["ports"]
    (port,) = service["spec"]["ports"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert service["spec"]["selector"] == pod["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert (port["targetPort"], endpoint["port"]) == (container_port["name"], port["name"])
    assert container_port["containerPort"] == port["port"] == 9223
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "netcheck"


FROM_THE_OPERATOR = {"namespace", "service", "pod", "container", "endpoint", "job", "instance"}
"""What it gives to each target of a ServiceMonitor."""


def test_no_label_of_the_operator_s_takes_the_place_of_one_of_netcheck_s(found: dict[str, Any]) -> None:
    """Prometheus renames that of the metric (`exported_service`), and no rule finds it."""
    (endpoint,) = found["ServiceMonitor"]["spec"]["endpoints"]
    dropped = {each["regex"] for each in endpoint["relabelings"] if each["action"] == "labeldrop"}
    ours = {label for family in FAMILIES for label in family.labels}
    assert ours & FROM_THE_OPERATOR == dropped


def test_the_pod_may_do_nothing_and_is_the_containers_user(found: dict[str, Any]) -> None:
    pod = found["Deployment"]["spec"]["template"]["spec"]
    user = re.search(
        r"^USER (\d+):(\d+)$", (CONFIG / "container" / "Containerfile").read_text(), re.MULTILINE
    )
    assert user
    allowed = pod["securityContext"]
    assert allowed["runAsNonRoot"]
    assert (allowed["runAsUser"], allowed["runAsGroup"]) == (int(user[1]), int(user[2]))
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
