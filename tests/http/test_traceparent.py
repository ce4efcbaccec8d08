"""A `traceparent` that comes in stands in the answer, by either lane, and in the log."""

import logging
from collections.abc import Iterator
from io import StringIO

import orjson
import pytest

from service.errors import CalleeBudgetExceeded
from service.logs import JsonLines
from tests.http.http_fixtures import (
    PICK,
    Service,
    ask,
    picked,
    raw,
    serving,
    settings_with,
    whole_answer,
)
from tests.http.test_express import connected, pick_of
from tests.waiting import eventually

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
HEADER = b"traceparent: " + SENT.encode()
OTHER = HEADER[:-1] + b"0"
PATHS = ["/healthz", "/readyz", "/v1/inventory", "/nowhere", "/v1/pick", "/"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_the_traceparent_that_was_sent(service: Service, path: str) -> None:
    assert (await ask(service, "GET", path, traceparent=SENT)).headers["traceparent"] == SENT


@pytest.mark.parametrize("sent", ["00-0-0-0", SENT.upper()])
async def test_a_malformed_one_is_ignored(service: Service, sent: str) -> None:
    answer = await picked(service, traceparent=sent)
    assert answer.status == 200
    assert "traceparent" not in answer.headers


async def test_what_reaches_no_handler_has_it_too(service: Service) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n%b\r\n\r\n" % HEADER
    answer = await raw(service, request)
    assert b" 417 " in answer
    assert HEADER in answer


async def test_by_the_express_lane_each_answer_has_its_own_or_none(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        answers = [await client.ask(pick_of(PICK, *own)) for own in ([HEADER], [OTHER], [])]
        service.picker.error = CalleeBudgetExceeded(7)
        answers += [await client.ask(pick_of(PICK, *own)) for own in ([], [HEADER])]
    assert len(taken) == len(answers)
    assert [HEADER in answer for answer in answers] == [True, False, False, False, True]
    assert [OTHER in answer for answer in answers] == [False, True, False, False, False]


async def test_an_excess_that_is_refused_unread_has_it() -> None:
    async with serving(Service(settings_with(limit=1))) as service, connected(service) as inside:
        service.picker.gate.clear()
        inside.writer.write(pick_of())
        await eventually(lambda: service.picker.asked)
        refused = await raw(service, pick_of(PICK, HEADER))
        assert b"Overloaded" in refused
        assert HEADER in refused
        service.picker.gate.set()
        await whole_answer(inside.reader)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """The log as it is written."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("service")
    level = logger.level
    logger.setLevel("INFO")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


async def test_the_log_has_it_by_either_lane_and_a_request_without_one_has_no_others(
    service: Service, log: StringIO
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        service.picker.error = RuntimeError("once")
        for own in ([HEADER], [b"Accept: */*", HEADER], [b"Accept: */*"], []):
            await client.ask(pick_of(PICK, *own))
    lines = [orjson.loads(line) for line in log.getvalue().splitlines()]
    assert [line.get("traceparent") for line in lines] == [SENT, SENT, None, None]


async def test_the_audit_has_it(service: Service, log: StringIO) -> None:
    park = b'{"seconds": 60, "reason": "a test"}'
    path = "/v1/numbers/01055500001/park"
    await ask(service, "PUT", path, park, Content_Type="application/json", traceparent=SENT)
    (line,) = map(orjson.loads, log.getvalue().splitlines())
    assert line["audit"]["what"].startswith("parked 010****0001")
    assert line["traceparent"] == SENT
