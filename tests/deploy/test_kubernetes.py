"""The manifests: valid, agreeing with each other and with the service, and confined."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from deploy.make_secrets import SERVICE, made
from service.settings import Settings
from tests.deploy.deployed import SHUTDOWN_SECONDS, files_in, read_yaml, settings_of
from tests.deploy.image import stages
from tests.deploy.kustomize import Manifest, resolved
from tests.deploy.prometheus import ROOT

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

VERSIONS = ("1.29", "1.37")  # the oldest that is looked at, and the latest
FOLDERS = {
    "base": ROOT / "deploy/kubernetes/base",
    "sentinel": ROOT / "deploy/kubernetes/overlays/sentinel",
}
ALL = {name: resolved(folder) for name, folder in FOLDERS.items()}
OPERATORS = {"ServiceMonitor"}  # kinds that Kubernetes has no schema of
EACH = [(one, where) for where, manifests in ALL.items() for one in manifests]
WORKLOADS = [pair for pair in EACH if pair[0]["kind"] in {"Deployment", "StatefulSet"}]


def called(part: Any) -> str:
    """How a case is named: by the overlay, and by the manifest's kind and name."""
    return part if isinstance(part, str) else f"{part['kind']}-{part['metadata']['name']}"


def named(kind: str, name: str = "callerid", where: str = "base") -> Manifest:
    (found,) = (one for one in ALL[where] if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def pod_of(workload: Manifest) -> Manifest:
    pod: Manifest = workload["spec"]["template"]["spec"]
    return pod


def environment(container: Manifest) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container["env"]}


def files_of(pod: Manifest, container: Manifest, where: str, secrets: dict[str, Any]) -> set[str]:
    """The files that are mounted, as the container finds them."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    found = set()
    for mount in container["volumeMounts"]:
        volume = volumes.get(mount["name"], {})
        if "configMap" in volume:
            names = set(named("ConfigMap", volume["configMap"]["name"], where)["data"])
        elif "secret" in volume:
            assert volume["secret"]["secretName"] == "callerid"
            assert {item["key"] for item in volume["secret"]["items"]} <= set(secrets)
            names = {item["path"] for item in volume["secret"]["items"]}
        else:
            names = set()
        found |= {f"{mount['mountPath']}/{name}" for name in names}
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("manifest", "where"), EACH, ids=called)
def test_a_manifest_is_valid_by_the_schema_of_its_kind(
    manifest: Manifest, where: str, version: str
) -> None:
    if manifest["kind"] not in OPERATORS:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize(("workload", "where"), WORKLOADS, ids=called)
def test_a_pod_may_do_little(workload: Manifest, where: str) -> None:
    pod = pod_of(workload)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert {"livenessProbe", "readinessProbe"} <= container.keys()


@pytest.mark.parametrize(("workload", "where"), WORKLOADS, ids=called)
def test_a_pod_names_ports_and_volumes_that_it_has(workload: Manifest, where: str) -> None:
    pod = pod_of(workload)
    claims = workload["spec"].get("volumeClaimTemplates", ())
    volumes = {each["name"] for each in pod["volumes"]} | {
        one["metadata"]["name"] for one in claims
    }
    for container in pod["containers"]:
        ports = {port["name"] for port in container["ports"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        for probe in (container[key] for key in container if key.endswith("Probe")):
            reached = probe.get("httpGet") or probe.get("tcpSocket") or {"port": next(iter(ports))}
            assert reached["port"] in ports
            assert reached.get("path", "/healthz") in {"/healthz", "/readyz"}


@pytest.mark.parametrize("where", FOLDERS)
def test_whoever_selects_pods_selects_some(where: str) -> None:
    labels = [
        set(one["spec"]["template"]["metadata"]["labels"].items())
        for one in ALL[where]
        if one["kind"] in {"Deployment", "StatefulSet"}
    ]
    for selected in selectors([one["spec"] for one in ALL[where] if "spec" in one]):
        assert any(set(selected.items()) <= has for has in labels)


def selectors(part: Any) -> Iterator[dict[str, str]]:
    """Every label selector for pods, wherever it stands."""
    if isinstance(part, list):
        for each in part:
            yield from selectors(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in {"selector", "podSelector", "labelSelector"}:
                yield value.get("matchLabels", value)
            elif key != "namespaceSelector":
                yield from selectors(value)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What the service would serve with in its pod."""
    pod = pod_of(named("Deployment"))
    (container,) = pod["containers"]
    config = tmp_path / "production.toml"
    config.write_text(named("ConfigMap", "callerid-config")["data"][config.name], "utf-8")
    (tmp_path / "secrets").mkdir()
    real = {"production.toml": config, **files_in(tmp_path / "secrets", sentinel=True)}
    mounted = files_of(pod, container, "base", real)
    files = {path: real[Path(path).name] for path in mounted}
    assert {value for value in environment(container).values() if value[:1] == "/"} <= mounted
    return settings_of(container["command"], environment(container), files)


def test_the_service_starts_with_what_its_pod_gives_it(settings: Settings) -> None:
    (container,) = pod_of(named("Deployment"))["containers"]
    assert settings.redis.url
    assert settings.auth_is_required
    assert settings.server.workers == 1
    assert [port["containerPort"] for port in container["ports"]] == [settings.server.port]


def test_a_pod_that_ends_has_the_time_to_drain(settings: Settings) -> None:
    pod = pod_of(named("Deployment"))
    program, pause = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "sleep"
    needed = float(pause) + settings.server.drain_seconds + SHUTDOWN_SECONDS
    assert pod["terminationGracePeriodSeconds"] > needed


def test_the_pod_runs_as_the_user_of_the_image() -> None:
    (user,) = (step.text for step in stages()[-1] if step.name == "USER")
    context = pod_of(named("Deployment"))["securityContext"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["fsGroup"] == context["runAsGroup"]  # or it could not read its secrets


def test_an_update_and_a_drained_node_leave_pods_that_serve() -> None:
    assert named("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    scaler = named("HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"]["name"] == named("Deployment")["metadata"]["name"]
    assert named("PodDisruptionBudget")["spec"]["minAvailable"] < scaler["minReplicas"]
    assert "replicas" not in named("Deployment")["spec"]


def test_the_operators_prometheus_reads_as_the_file_of_ours_does() -> None:
    job, _ = read_yaml("deploy/prometheus/prometheus.yml")["scrape_configs"]
    (endpoint,) = named("ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["honorLabels"] == job["honor_labels"]
    assert endpoint["relabelings"] == [
        {"sourceLabels": one["source_labels"], "targetLabel": one["target_label"]}
        for one in job["relabel_configs"]
    ]
    assert endpoint["authorization"]["credentials"]["key"] in made()
    service = named("Service")
    assert service["metadata"]["name"] == job["job_name"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    selected = named("ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    assert selected <= service["metadata"]["labels"].items()


def ports_of(rules: list[Manifest]) -> set[int]:
    return {port["port"] for rule in rules for port in rule["ports"]}


def test_the_service_may_reach_names_redis_and_ccc_alone(settings: Settings) -> None:
    policy = named("NetworkPolicy")["spec"]
    assert ports_of(policy["ingress"]) == {settings.server.port}
    assert ports_of(policy["egress"]) == {53, 6379, 6380, 443}
    with_redis = named("NetworkPolicy", where="sentinel")["spec"]
    assert ports_of(with_redis["egress"]) == {53, 6379, 26379, 443}
    (to_redis,) = (rule for rule in with_redis["egress"] if ports_of([rule]) == {6379, 26379})
    assert to_redis["to"] == [
        {"podSelector": named("StatefulSet", "redis", "sentinel")["spec"]["selector"]}
    ]


def test_the_members_of_redis_are_those_that_the_url_names() -> None:
    workload = named("StatefulSet", "redis", "sentinel")
    service = named("Service", workload["spec"]["serviceName"], "sentinel")["metadata"]["name"]
    hosts = [f"redis-{at}.{service}" for at in range(workload["spec"]["replicas"])]
    url = made(sentinel=True)["redis-url"]
    assert re.fullmatch(
        rf"redis\+sentinel://callerid:\w+@{','.join(f'{host}:26379' for host in hosts)}"
        rf"/{SERVICE}\?sentinel_password=\w+",
        url,
    )
    *members, exporter = pod_of(workload)["containers"]
    for container in members:
        assert environment(container)["PEERS"].split() == hosts
        assert environment(container)["FIRST"] == hosts[0]
    address = environment(exporter)["REDIS_ADDR"]
    passwords = json.loads(made(sentinel=True)["redis-exporter.json"])
    assert {address.replace("$(POD)", f"redis-{at}") for at in range(len(hosts))} <= set(passwords)


def test_the_script_of_the_members_has_what_it_reads() -> None:
    workload = named("StatefulSet", "redis", "sentinel")
    pod = pod_of(workload)
    script = (ROOT / "deploy/redis/member.sh").read_text("utf-8")
    assert f"sentinel monitor {SERVICE} " in script
    for container in pod["containers"][:2]:
        env = environment(container)
        mounted = files_of(pod, container, "sentinel", dict(made(sentinel=True)))
        _, path, kind = container["command"]
        assert path in mounted
        assert f"\n{kind}) exec redis-server {kind}.conf" in script
        needed = set(re.findall(r"\$\{?([A-Z_]+)\b(?!:-)", script))
        given = set(re.findall(r"^([A-Z_]+)=\$\{\1:-", script, re.MULTILINE))
        assert needed - given <= set(env)
        for root, name in re.findall(r"\$(CONFIG|SECRETS)/([\w.-]+)", script):
            assert f"{env[root]}/{name}" in mounted
        assert container["workingDir"] in {
            mount["mountPath"] for mount in container["volumeMounts"]
        }
