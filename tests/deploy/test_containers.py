"""The compose file: valid, confined, and naming nothing that is not there."""

import inspect
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deploy.make_secrets import made
from service.api import make_runner
from tests.deploy.deployed import SHUTDOWN_SECONDS, files_in, read_yaml, settings_of
from tests.deploy.image import stages
from tests.deploy.prometheus import ROOT
from tests.whole.services import chengdu_numbers, emulator_of, service_over

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

FILE = ROOT / "deploy/compose.yaml"
COMPOSE = read_yaml("deploy/compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
REPLICAS = ("callerid-1", "callerid-2")
COMMAND = next(step.words for step in stages()[-1] if step.name == "CMD")
PORT = next(step.text for step in stages()[-1] if step.name == "EXPOSE")


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """What is mounted, by where it is in the container."""
    parts = (volume.split(":") for volume in service.get("volumes", ()))
    return {target: source for source, target, *_ in parts}


def test_the_compose_file_is_one_by_its_schema() -> None:
    words = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE))
    done = subprocess.run([sys.executable, *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_names_what_there_is(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("networks", ())) <= set(COMPOSE["networks"])
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    for source in mounts(service).values():
        if source.startswith("."):
            assert (FILE.parent / source).exists()
        else:
            assert source in COMPOSE["volumes"]
    if "build" in service:
        assert (FILE.parent / service["build"]["context"]).resolve() == ROOT


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory"}
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:")
    if name not in REPLICAS:  # whose image says it
        assert int(service["user"].split(":")[0])


def test_redis_is_reached_by_the_replicas_and_who_watches_it_alone() -> None:
    assert COMPOSE["networks"]["ledger"]["internal"]
    assert SERVICES["redis"]["networks"] == ["ledger"]
    assert {name for name, of in SERVICES.items() if "ledger" in of["networks"]} == {
        "redis",
        "redis-exporter",
        *REPLICAS,
    }


def test_every_secret_is_made_and_none_is_kept_in_the_repository() -> None:
    assert {*COMPOSE["secrets"], "redis-admin-password"} == set(made())  # which is an operator's
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"secrets/{name}"}
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replica_starts_with_what_it_is_given(name: str, tmp_path: Path) -> None:
    service = SERVICES[name]
    files = {f"/run/secrets/{secret}": path for secret, path in files_in(tmp_path).items()}
    config = FILE.parent / mounts(service)["/etc/callerid"]
    files |= {f"/etc/callerid/{path.name}": path for path in config.iterdir()}
    assert set(service["secrets"]) == {
        value.removeprefix("/run/secrets/")
        for value in service["environment"].values()
        if value.startswith("/run/secrets/")
    }
    settings = settings_of(COMMAND, service["environment"], files)
    assert settings.redis.url.startswith("redis://callerid:")
    assert settings.redis.url.endswith("@redis:6379")
    assert settings.auth_is_required
    assert settings.server.port == int(PORT)
    assert service["ports"][0].endswith(f":{PORT}")
    spare = seconds(service["stop_grace_period"]) - settings.server.drain_seconds
    assert spare > SHUTDOWN_SECONDS


def test_a_replica_is_asked_for_its_readiness() -> None:
    for name in REPLICAS:
        probe = SERVICES[name]["healthcheck"]["test"]
        assert probe[:2] == ["CMD", "python"]
        compile(probe[-1], "healthcheck", "exec")
        assert f"http://127.0.0.1:{PORT}/readyz" in probe[-1]


def test_what_is_under_way_at_the_end_has_the_time_that_is_counted_on() -> None:
    source = inspect.getsource(make_runner)
    assert f"shutdown_timeout={SHUTDOWN_SECONDS}," in source


async def test_what_is_probed_is_there() -> None:
    async with service_over(emulator_of(chengdu_numbers(1))) as service:
        for path in ("/healthz", "/readyz", "/metrics"):
            async with service.client.get(f"{service.url}{path}") as response:
                assert response.status == 200


def test_the_image_is_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert {SERVICES[name]["image"] for name in REPLICAS} == {f"callerid:{version}"}
    (image,) = read_yaml("deploy/kubernetes/base/kustomization.yaml")["images"]
    assert image["newTag"] == version


def test_prometheus_reads_as_elsewhere_but_the_replicas_of_this_file() -> None:
    usual, here = (read_yaml(f"deploy/prometheus/{name}.yml") for name in ("prometheus", "compose"))
    (usual_job, usual_redis), (job, redis) = (at.pop("scrape_configs") for at in (usual, here))
    assert redis.pop("static_configs") == [{"targets": ["redis-exporter:9121"]}]
    (alertmanager,) = here.pop("alerting")["alertmanagers"]
    assert alertmanager["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    del usual_redis["static_configs"], usual["alerting"]
    assert (here, redis) == (usual, usual_redis)
    assert job.pop("static_configs") == [{"targets": [f"{name}:{PORT}" for name in REPLICAS]}]
    (secret,) = SERVICES["prometheus"]["secrets"]
    assert job.pop("authorization") == {"credentials_file": f"/run/secrets/{secret}"}
    del usual_job["static_configs"], usual_job["authorization"]
    assert job == usual_job


def test_prometheus_and_grafana_find_their_files() -> None:
    prometheus, grafana = SERVICES["prometheus"], SERVICES["grafana"]
    folder = FILE.parent / mounts(prometheus)["/etc/prometheus"]
    (config,) = re.findall(r"--config.file=/etc/prometheus/(\S+)", " ".join(prometheus["command"]))
    for rules in read_yaml(f"deploy/prometheus/{config}")["rule_files"]:
        assert (folder / rules).is_file()
    provisioning = "deploy/grafana/provisioning"
    (provider,) = read_yaml(f"{provisioning}/dashboards/callerid.yml")["providers"]
    for dashboard in (FILE.parent / "grafana").glob("*.json"):
        source = mounts(grafana)[f"{provider['options']['path']}/{dashboard.name}"]
        assert (FILE.parent / source).samefile(dashboard)
    (source,) = read_yaml(f"{provisioning}/datasources/callerid.yml")["datasources"]
    assert source["url"].removeprefix("$") in grafana["environment"]
    password = grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    assert password.removeprefix("/run/secrets/") in grafana["secrets"]


def test_alertmanager_and_redis_exporter_find_their_files() -> None:
    alertmanager, exporter = SERVICES["alertmanager"], SERVICES["redis-exporter"]
    source = mounts(alertmanager)[alertmanager["command"][0].removeprefix("--config.file=")]
    text = (FILE.parent / source).read_text("utf-8")
    assert set(re.findall(r"url_file: /run/secrets/(\S+)", text)) == set(alertmanager["secrets"])
    environment = exporter["environment"]
    (passwords,) = exporter["secrets"]
    assert environment["REDIS_PASSWORD_FILE"] == f"/run/secrets/{passwords}"
    assert environment["REDIS_ADDR"] in json.loads(made()[passwords])


def test_redis_finds_its_files() -> None:
    redis = SERVICES["redis"]
    assert redis["command"][-1] in mounts(redis)
    conf = (ROOT / "deploy/redis/redis.conf").read_text("utf-8")
    (access,) = re.findall(r"^aclfile /run/secrets/(\S+)$", conf, re.MULTILINE)
    assert access in redis["secrets"]


def test_the_operators_page_names_files_that_there_are_or_are_made() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    named = set(re.findall(r"(?:deploy|config)/[\w./-]*\w", page))
    absent = {name for name in named if not (ROOT / name).exists()}
    assert absent <= {"deploy/secrets", *(f"deploy/secrets/{name}" for name in made())}
    assert "grafana-password" in made()
