"""Health, readiness, metrics, and what is known of the inventories."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.api import Components
from service.sync import SweepReport
from tests.http.http_fixtures import (
    FakeKeeper,
    Service,
    ask,
    client_with,
    picked,
    serving,
    settings_with,
)


async def test_healthz_answers_whatever_the_components_say(service: Service) -> None:
    service.health = Components({}, "down", draining=True)
    answer = await ask(service, "GET", "/healthz")
    assert (answer.status, answer.text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("health", "status"),
    [
        (Components({"a": "ready"}, "up", draining=False), 200),
        (Components({"a": "ready"}, "embedded", draining=False), 200),
        (Components({"a": "ready"}, "down", draining=False), 200),
        (Components({"a": "stale"}, "up", draining=False), 200),
        (Components({"a": "missing", "b": "ready"}, "up", draining=False), 200),
        (Components({"a": "missing", "b": "missing"}, "up", draining=False), 503),
        (Components({}, "up", draining=False), 503),
        (Components({"a": "ready"}, "up", draining=True), 503),
    ],
)
async def test_ready_means_an_inventory_and_not_draining(
    service: Service, health: Components, status: int
) -> None:
    service.health = health
    answer = await ask(service, "GET", "/readyz")
    assert answer.status == status
    assert answer.json == {
        "ready": status == 200,
        "components": {
            "inventory": dict(health.inventory),
            "redis": health.redis,
            "draining": health.draining,
            "redis_detail": {},
        },
    }


@pytest.mark.parametrize(
    ("scopes", "sees"), [(("metrics",), True), (("admin",), True), (("pick",), False), ((), False)]
)
async def test_redis_words_are_for_who_watches_it(scopes: tuple[str, ...], *, sees: bool) -> None:
    clients = (client_with("known", *scopes),) if scopes else (client_with("other", "pick"),)
    words = {"ccc-test": "NOREPLICAS Not enough good replicas to write."}
    async with serving(Service(settings_with(clients=clients, required="always"))) as service:
        service.health = Components({"a": "ready"}, "down", draining=False, redis_detail=words)
        answer = await ask(service, "GET", "/readyz", Authorization="Bearer known")
    assert answer.status == 200
    assert answer.json["components"]["redis_detail"] == (words if sees else {})


async def test_metrics_are_an_exposition_that_prometheus_reads(service: Service) -> None:
    await picked(service)
    answer = await ask(service, "GET", "/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"callerid_picks", "callerid_in_flight", "callerid_pick_duration_seconds"} <= names


async def test_the_inventory_of_every_instance_is_described() -> None:
    service = Service(settings_with("ccc-a", "ccc-b"))
    service.keepers["ccc-b"] = FakeKeeper("ccc-b", empty=True)
    service.keepers["ccc-a"].last_sweep = SweepReport("accepted", 1000.0, 0.5, total=5)
    async with serving(service):
        full, empty = (await ask(service, "GET", "/v1/inventory")).json["data"]
    assert full == {
        "instance_id": "ccc-a",
        "generation": 7,
        "numbers": 5,
        "candidates": 3,
        "age_seconds": 42.0,
        "stale": False,
        "last_sweep": {
            "result": "accepted",
            "at": 1000.0,
            "duration": 0.5,
            "total": 5,
            "added": 0,
            "removed": 0,
            "held": 0,
            "detail": "",
        },
    }
    assert empty == {
        "instance_id": "ccc-b",
        "generation": None,
        "numbers": 0,
        "candidates": 0,
        "age_seconds": None,
        "stale": True,
        "last_sweep": {
            "result": "never",
            "at": 0.0,
            "duration": 0.0,
            "total": 0,
            "added": 0,
            "removed": 0,
            "held": 0,
            "detail": "",
        },
    }


async def test_one_instance_can_be_asked_for() -> None:
    async with serving(Service(settings_with("ccc-a", "ccc-b"))) as service:
        answer = await ask(service, "GET", "/v1/inventory?instance_id=ccc-b")
    assert [each["instance_id"] for each in answer.json["data"]] == ["ccc-b"]


@pytest.mark.parametrize(
    ("query", "believed"),
    [("", False), ("?accept_shrink=true", True), ("?accept_shrink=false", False)],
)
async def test_a_refresh_sweeps_and_describes_what_came_of_it(
    service: Service, query: str, *, believed: bool
) -> None:
    answer = await ask(service, "POST", f"/v1/inventory/refresh{query}")
    assert answer.status == 200
    assert answer.json["data"][0]["last_sweep"]["result"] == "accepted"
    assert service.keepers["ccc-test"].accepted_shrink == [believed]


async def test_a_refresh_that_failed_says_why(service: Service) -> None:
    keeper = service.keepers["ccc-test"]
    keeper.next_report = SweepReport("failed", 1.0, 0.5, detail="CCC throttles")
    answer = await ask(service, "POST", "/v1/inventory/refresh")
    assert (answer.status, answer.json["code"]) == (503, "InventoryUnavailable")
    assert "CCC throttles" in answer.json["detail"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 422, "InvalidField"),
        ("?instance_id=", 422, "InvalidField"),
        ("?instance_id=ccc-c", 404, "UnknownInstance"),
        ("?instance_id=%ff%00", 400, "MalformedRequest"),
        ("?instance_id=ccc-a&accept_shrink=perhaps", 422, "InvalidField"),
    ],
)
async def test_a_refresh_needs_one_instance_that_is_configured(
    query: str, status: int, code: str
) -> None:
    async with serving(Service(settings_with("ccc-a", "ccc-b"))) as service:
        answer = await ask(service, "POST", f"/v1/inventory/refresh{query}")
    assert (answer.status, answer.json["code"]) == (status, code)
    assert not service.keepers["ccc-a"].accepted_shrink
