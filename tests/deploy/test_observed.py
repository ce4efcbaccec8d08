"""A real Prometheus reads a real service in trouble, and the dashboard has something to show."""

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.conftest import RedisServer
from tests.deploy.operating import CAPPED, SCRAPER, in_trouble, quicken, round_of
from tests.deploy.prometheus import ROOT, Prometheus, exporting, scraping

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

MOST_ROUNDS = 40
FILLED_IN = {"$__rate_interval": "2s", "$instance": ".*", "$replica": ".*", "$province": ".*"}


def queries() -> set[str]:
    """Every query of every panel and mark, with the variables filled in as All."""
    found: set[str] = set()
    for path in (ROOT / "deploy/grafana").glob("*.json"):
        dashboard = json.loads(path.read_text("utf-8"))
        panels = (target for panel in dashboard["panels"] for target in panel.get("targets", []))
        found |= {asking["expr"] for asking in (*panels, *dashboard["annotations"]["list"])}
    for variable, value in FILLED_IN.items():
        found = {query.replace(variable, value) for query in found}
    assert not any("$" in query for query in found)
    return found


def tells_something(values: list[float]) -> bool:
    return any(math.isfinite(value) and value != 0 for value in values)


async def test_every_query_of_the_dashboard_has_something_to_tell(
    own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quicken(monkeypatch)
    with redis.Redis.from_url(own_redis.url) as server:
        server.config_set("maxmemory", "256mb")  # as deploy/redis/redis.conf
    silent = queries()
    async with in_trouble(own_redis) as trouble, exporting(own_redis.port) as exporter:
        target = trouble.service.url.removeprefix("http://")
        async with scraping(tmp_path / "prometheus", target, SCRAPER, exporter) as prometheus:
            start = time.time()
            for turn in range(MOST_ROUNDS):
                await round_of(trouble, turn)
                silent = {
                    query
                    for query in silent
                    if not tells_something(await prometheus.values(query, start, time.time()))
                }
                if not silent:
                    break
            rules = await prometheus.get("rules")
            labels = await labels_of(prometheus, "callerid_picks_total")
    assert not silent
    assert {rule["health"] for group in rules["groups"] for rule in group["rules"]} == {"ok"}
    assert labels["instance"] == {"ccc-test", CAPPED}
    assert labels["replica"] == {target}


async def labels_of(prometheus: Prometheus, metric: str) -> dict[str, set[Any]]:
    """The values that a metric has for each label that the dashboard chooses by."""
    params = {"match[]": metric}
    return {
        label: set(await prometheus.get(f"label/{label}/values", **params))
        for label in ("instance", "replica")
    }
