"""The rules and alerts that operators are given, as Prometheus's own tool judges them."""

import re
import subprocess
from pathlib import Path

import pytest

from service.metrics import Metrics
from tests.deploy.prometheus import CONFIGURATION, ROOT, configured
from tests.programs import program
from tests.unit.test_metrics import touched

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

CASES = sorted((CONFIGURATION / "tests").glob("*.yml"))


def promtool(*words: str, told: bytes = b"") -> None:
    """Have it check something; it must have no objection."""
    done = subprocess.run(
        [program("promtool"), *words], input=told, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def alerts() -> dict[str, str]:
    """The alerts by their names, each as the file has it."""
    parts = (CONFIGURATION / "alerts.yml").read_text("utf-8").split("- alert: ")[1:]
    return {part.split()[0]: part for part in parts}


def test_the_scrape_configuration_and_its_rules_are_valid(tmp_path: Path) -> None:
    promtool("check", "config", str(configured(tmp_path, "127.0.0.1:8080", "token")))


def test_the_exposition_is_as_prometheus_wants_it() -> None:
    promtool("check", "metrics", told=touched(Metrics()).render())


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(cases: Path) -> None:
    promtool("test", "rules", str(cases))


@pytest.mark.parametrize("alert", alerts())
def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_must_not(alert: str) -> None:
    cases = "".join(path.read_text("utf-8") for path in CASES)
    expected = re.findall(rf"alertname: {alert}\n +exp_alerts:(.*)\n", cases)
    assert set(expected) == {"", " []"}


@pytest.mark.parametrize(("alert", "rule"), alerts().items())
def test_every_alert_tells_where_its_runbook_is(alert: str, rule: str) -> None:
    assert f"runbook: docs/operations.md#{alert.lower()}\n" in f"{rule}\n"
    operations = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert re.search(rf"^### {alert}$", operations, re.MULTILINE)
    assert re.search("severity: (critical|warning)", rule)
