"""Spans of picks, ledger calls and CCC's calls, as a collector receives them by OTLP over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.emulator.faults import Faults
from tests.whole.services import Running, chengdu_numbers, emulator_of, service_over

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLED = "13880001234"
SERVER, CLIENT, ERROR = 2, 3, 2  # as the protocol numbers them


class Received(NamedTuple):
    """A span as it arrived."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    status: int
    attributes: dict[str, str]


class Collector:
    """Takes spans as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.raw = b""
        self.spans: list[Received] = []
        self.services: set[str] = set()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += body
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {one.key: one.value.string_value for one in of_resource.resource.attributes}
            self.services.add(resource["service.name"])
            for span in (one for scope in of_resource.scope_spans for one in scope.spans):
                attributes = {one.key: one.value.string_value for one in span.attributes}
                ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                assert not span.events
                assert not span.status.message
                self.spans.append(
                    Received(span.name, span.kind, *ids, span.status.code, attributes)
                )
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: str) -> list[Received]:
        return [span for span in self.spans if span.name == name]


@asynccontextmanager
async def collecting(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """A collector that the environment names."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "dialling")
    try:
        yield collector
    finally:
        await runner.cleanup()


async def picked(service: Running, traceparent: str, **fields: object) -> int:
    question = {"called_number": CALLED, "skill_group_ids": ["sales@ccc-test"], **fields}
    headers = {"traceparent": traceparent}
    async with service.client.post(
        f"{service.url}/v1/pick", json=question, headers=headers
    ) as response:
        return response.status


async def test_what_a_request_has_done_arrives_at_the_collector_under_its_trace(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = emulator_of(chengdu_numbers(2))
    async with (
        collecting(monkeypatch) as collector,
        service_over(emulator, redis_url) as service,
    ):
        for turn in range(3):  # the first by aiohttp, the others by the express lane
            sampled = f"00-{TRACE}-{turn + 1:016x}-01"
            assert await picked(service, sampled, call_id=f"call-{turn}") == 200
        await picked(service, f"00-{TRACE}-{PARENT}-00")
        report = {"call_id": "call-1", "result": "answered"}
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        async with service.client.post(
            f"{service.url}/v1/outcomes", json=report, headers=headers
        ) as response:
            assert response.status in {202, 404}
    picks = collector.named("pick")
    assert [pick.parent for pick in picks] == [f"{turn:016x}" for turn in (1, 2, 3)]
    assert {(pick.trace, pick.kind, pick.status) for pick in picks} == {(TRACE, SERVER, 0)}
    assert {pick.attributes["callerid.source"] for pick in picks} == {"redis"}
    ledger = collector.named("ledger pick")
    assert [call.parent for call in ledger] == [pick.id for pick in picks]
    assert ledger[0].attributes == {"callerid.instance": "ccc-test", "callerid.source": "redis"}
    (outcome,) = collector.named("ledger outcome")
    assert (outcome.trace, outcome.parent, outcome.kind) == (TRACE, PARENT, CLIENT)
    sweep, *_ = collector.named("ccc ListPhoneNumbers")
    assert (sweep.parent, sweep.kind) == ("", CLIENT)
    assert collector.services == {"dialling"}


async def test_a_span_says_by_what_code_it_failed_and_no_span_carries_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emulator = emulator_of(chengdu_numbers(2))
    async with (
        collecting(monkeypatch) as collector,
        service_over(emulator) as service,
    ):
        emulator.faults = Faults(throttle_every=1)
        sampled = f"00-{TRACE}-{PARENT}-01"
        refused = await picked(service, sampled, skill_group_ids=["new@ccc-test"])
        assert refused == 409
        assert await picked(service, sampled, called_number="none") == 422
        assert await picked(service, sampled) == 200
    assert [
        (pick.attributes.get("error.type"), pick.status) for pick in collector.named("pick")
    ] == [
        ("NoEligibleNumber", ERROR),
        ("InvalidCalledNumber", 0),
        (None, 0),
    ]
    (asked,) = collector.named("ccc PickOutboundNumbers")
    assert asked.attributes["error.type"].startswith("Throttling.")
    assert asked.parent == collector.named("pick")[0].id
    assert b"880001234" not in collector.raw
    assert b"0285550" not in collector.raw
