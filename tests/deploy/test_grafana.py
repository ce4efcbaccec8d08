"""The dashboard: up to date with what makes it, as Grafana models it, and complete."""

import json
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import Counter, Gauge, Histogram

from deploy.grafana.dashboard import built
from service.metrics import Metrics
from tests.deploy.prometheus import ROOT

TEXT = (ROOT / "deploy" / "grafana" / "callerid.json").read_text("utf-8")
GRID = 24


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(TEXT)["panels"]
    return found


def test_the_dashboard_is_what_its_generator_makes() -> None:
    assert built() == TEXT


def test_grafanas_model_reads_the_dashboard_whole() -> None:
    register_default_plugins()
    read = Dashboard.from_json(json.loads(TEXT))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == json.loads(TEXT)


def test_every_panel_asks_the_chosen_data_source_and_says_what_is_good() -> None:
    shown = [panel for panel in panels() if panel["type"] != "row"]
    assert shown
    for panel in shown:
        assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}
        assert panel["description"].endswith(".")
        assert panel["targets"]


def test_panels_stand_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
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
    shown = "\n".join(target["expr"] for panel in panels() for target in panel.get("targets", []))
    recorded = (ROOT / "deploy" / "prometheus" / "recording.yml").read_text("utf-8")
    for metric in vars(Metrics()).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            assert metric._name in shown + recorded
