"""The dashboards: up to date with what makes them, as Grafana models them, and complete."""

import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import Counter, Gauge, Histogram

from deploy.grafana.dashboard import BOARDS, built
from service.metrics import Metrics
from tests.deploy.prometheus import ROOT

TEXTS = {path.stem: path.read_text("utf-8") for path in (ROOT / "deploy/grafana").glob("*.json")}
GRID = 24

each = pytest.mark.parametrize("uid", BOARDS)


def panels(uid: str = "callerid") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(TEXTS[uid])["panels"]
    return found


@each
def test_a_dashboard_is_what_its_generator_makes(uid: str) -> None:
    assert built(uid) == TEXTS[uid]


def test_there_is_no_dashboard_that_nobody_makes() -> None:
    assert set(TEXTS) == set(BOARDS)


@each
def test_grafanas_model_reads_a_dashboard_whole(uid: str) -> None:
    register_default_plugins()
    read = Dashboard.from_json(json.loads(TEXTS[uid]))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == json.loads(TEXTS[uid])


@each
def test_every_panel_asks_the_chosen_data_source_and_says_what_is_good(uid: str) -> None:
    shown = [panel for panel in panels(uid) if panel["type"] != "row"]
    assert shown
    for panel in shown:
        assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}
        assert panel["description"].endswith(".")
        assert panel["targets"]


@each
def test_panels_stand_side_by_side(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(uid):
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= GRID
        taken |= cells


def test_every_metric_of_the_service_is_on_the_dashboard() -> None:
    every = (panel for uid in BOARDS for panel in panels(uid))
    shown = "\n".join(target["expr"] for panel in every for target in panel.get("targets", []))
    recorded = (ROOT / "deploy" / "prometheus" / "recording.yml").read_text("utf-8")
    for metric in vars(Metrics()).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            assert metric._name in shown + recorded
