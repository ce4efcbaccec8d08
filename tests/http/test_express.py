"""The express lane answers as aiohttp does, and only what it may."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import orjson
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from service.api import express, heads, server
from service.api.auth import NOBODY
from service.api.gate import Gate
from service.api.heads import MAX_HEAD_BYTES, Heads
from service.api.response import Outbox
from service.errors import CalleeBudgetExceeded, UnknownCall
from service.picking import Pair, PickAnswer, PickRequest, PlacedNumber
from tests.http.http_fixtures import (
    CALLED,
    PICK,
    Service,
    client_with,
    serving,
    settings_with,
    status_of,
    whole_answer,
)
from tests.waiting import eventually

HEAD = b"POST /v1/pick HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def pick_of(body: bytes = PICK, *headers: bytes) -> bytes:
    extra = b"".join(header + b"\r\n" for header in headers)
    return HEAD + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def asking_for(called: str) -> bytes:
    return pick_of(PICK.replace(CALLED.encode(), called.encode()))


REPORT = b'{"call_id":"a","result":"ringing"}'


def outcome_of(body: bytes = REPORT, *headers: bytes) -> bytes:
    return pick_of(body, *headers).replace(b"/v1/pick", b"/v1/outcomes")


class Echo:
    """Answers a pick with the number that it called, at its leisure."""

    def __init__(self) -> None:
        self.asked = 0

    async def pick(self, request: PickRequest) -> PickAnswer:
        self.asked += 1
        for _ in range(self.asked % 3):
            await asyncio.sleep(0)
        callee = PlacedNumber(request.called_number, "", "")
        return PickAnswer("redis", (Pair(PlacedNumber("01055500001", "", ""), callee, "any"),))


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, *parts: bytes) -> bytes:
        for part in parts:
            self.writer.write(part)
            await asyncio.sleep(0.01)
        return await whole_answer(self.reader)


@asynccontextmanager
async def connected(service: Service) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def likeness(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """An answer but for its time and its ids: the first line, the headers sorted, the body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    kept = [one for one in headers if not one.startswith((b"Date", b"X-Request-Id"))]
    return first, sorted(kept), re.sub(rb'"request_id":"[^"]*"', b"", body)


async def test_a_head_seen_before_takes_the_lane_and_is_answered_alike(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        first = await client.ask(pick_of())
        assert not taken
        second = await client.ask(pick_of())
        assert taken == [PICK]
    assert likeness(first) == likeness(second)
    assert b"Date: " in second
    assert first.count(b"made-1") == 2
    assert second.count(b"made-2") == 2


@pytest.mark.parametrize("moved", ["an attribute", "a signature"])
async def test_an_aiohttp_that_has_moved_costs_the_lane_and_no_pick(
    taken: list[bytes],
    moved: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if moved == "an attribute":
        monkeypatch.setattr(server, "_LEANED_ON", ("transport", "_gone"))
    else:
        monkeypatch.setattr(server, "_FINISH_RESPONSE", ["self", "request", "resp"])
    async with serving(Service()) as service, connected(service) as client:
        assert [status_of(await client.ask(pick_of())) for _ in range(3)] == [200] * 3
    assert not taken
    (line,) = [record for record in caplog.records if record.name == "service.api.server"]
    assert line.levelname == "WARNING"
    assert "the express lane is off" in line.getMessage()


async def test_what_one_connection_taught_holds_on_another(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
    async with connected(service) as client:
        assert status_of(await client.ask(pick_of())) == 200
    assert len(taken) == 1


async def test_a_refusal_by_the_lane_is_aiohttps(service: Service, taken: list[bytes]) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        service.picker.error = CalleeBudgetExceeded(7.2)
        by_lane = await client.ask(pick_of())
        assert len(taken) == 1
        by_aiohttp = await client.ask(pick_of(PICK, b"Accept: */*"))
        assert len(taken) == 1
    assert b"Retry-After: 8" in by_lane
    assert likeness(by_lane) == likeness(by_aiohttp)
    assert service.sample("pick_refusals_total", instance="ccc-test", code="CalleeBudgetExceeded")


async def test_an_outcome_takes_the_lane_and_is_answered_alike(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        first = await client.ask(outcome_of())
        second = await client.ask(outcome_of(REPORT, b"X-Request-Id: mine-1"))
        service.outcomes.error = UnknownCall("No such call is known")
        by_lane = await client.ask(outcome_of())
        by_aiohttp = await client.ask(outcome_of(REPORT, b"Accept: */*"))
    assert taken == [REPORT, REPORT]
    assert likeness(first) == likeness(second)
    assert (status_of(second), second.count(b"mine-1")) == (202, 2)
    assert likeness(by_lane) == likeness(by_aiohttp)
    assert [one.call_id for one in service.outcomes.told] == ["a"] * 4


async def test_an_outcome_is_let_in_when_no_pick_is_and_only_for_its_senders_instances(
    taken: list[bytes],
) -> None:
    bound = replace(client_with("dialer", "pick"), instances=("one",))
    guarded = settings_with("one", "two", limit=1, clients=(bound,), required="always")
    mine, theirs = (REPORT[:-1] + b',"instance_id":"%b"}' % name for name in (b"one", b"two"))
    token = b"Authorization: Bearer dialer"
    async with (
        serving(Service(guarded)) as service,
        connected(service) as inside,
        connected(service) as client,
    ):
        await client.ask(outcome_of(mine, token))
        service.picker.gate.clear()
        inside.writer.write(pick_of(PICK[:-1] + b',"instance_id":"one"}', token))
        await eventually(lambda: service.picker.asked)
        for body, status in ((mine, 202), (theirs, 403), (mine, 202)):
            assert status_of(await client.ask(outcome_of(body, token))) == status
        service.picker.gate.set()
        await whole_answer(inside.reader)
    assert taken == [mine, theirs, mine]


async def test_a_body_that_is_wrong_is_refused_by_the_lane_too(
    service: Service, taken: list[bytes]
) -> None:
    wrong = PICK[:-2] + b"}]"
    async with connected(service) as client:
        before = await client.ask(pick_of(wrong))
        await client.ask(pick_of())
        after = await client.ask(pick_of(wrong))
    assert taken == [wrong]
    assert status_of(after) == 400
    assert likeness(before) == likeness(after)


async def test_a_body_in_two_parts_takes_the_lane(
    service: Service, taken: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(express, "REST_SECONDS", 5)
    whole = pick_of()
    cut = len(whole) - len(PICK)
    async with connected(service) as client:
        answers = [await client.ask(whole[:cut], whole[cut:]) for _ in range(2)]
    assert [status_of(answer) for answer in answers] == [200, 200]
    assert taken == [PICK]


async def test_what_is_no_http_behind_a_pick_is_aiohttps_to_refuse(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        assert status_of(await client.ask(pick_of())) == 200
        assert status_of(await client.ask(HEAD + b"Content-Length: -1\r\n\r\n")) == 400
        assert await client.reader.read() == b""
    assert len(taken) == 1


async def test_a_body_that_never_ends_is_aiohttps_to_refuse(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        assert status_of(await client.ask(pick_of()[:-1])) == 408
        client.writer.write(PICK[-1:])  # so that nobody waits for it any more
    assert not taken


async def test_what_comes_behind_a_pick_waits_for_its_answer(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        service.picker.gate.clear()
        client.writer.write(pick_of())
        await eventually(lambda: taken)
        client.writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + pick_of())
        await asyncio.sleep(0.02)
        service.picker.gate.set()
        answers = [await whole_answer(client.reader) for _ in range(3)]
    assert [b"made-2" in answers[0], b"ok\n" in answers[1]] == [True, True]
    assert [status_of(answer) for answer in answers] == [200, 200, 200]


async def test_what_comes_while_an_answer_is_about_to_leave_is_answered_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(Service(settings_with(limit=1))) as service:
        async with connected(service) as teacher:
            await teacher.ask(pick_of())
        made = list[Any]()
        monkeypatch.setattr(Outbox, "put", lambda _, leave, answer: made.append((leave, answer)))
        server: Any = service.runner and service.runner.server
        connection, other, wire = server(), server(), Wire()
        connection.connection_made(wire)
        other.connection_made(Wire())
        connection.data_received(pick_of())
        await eventually(lambda: made)
        service.picker.gate.clear()
        other.data_received(pick_of())
        connection.data_received(pick_of())
        for leave, answer in made:
            leave(answer)
        service.picker.gate.set()
    assert re.findall(rb"HTTP/1.1 ([0-9]+)", wire.heard) == [b"200", b"503"]


@pytest.mark.parametrize(
    "header",
    [
        b"Connection: close",
        b"Expect: 100-continue",
        b"X-Long: " + b"a" * MAX_HEAD_BYTES,
    ],
)
async def test_an_unusual_head_is_not_remembered(
    service: Service, taken: list[bytes], header: bytes
) -> None:
    for _ in range(2):
        async with connected(service) as client:
            assert status_of(await client.ask(pick_of(PICK, header))) in {100, 200}
    assert not taken


async def test_a_refused_head_is_not_remembered(service: Service, taken: list[bytes]) -> None:
    head = pick_of().replace(b"application/json", b"text/plain")
    async with connected(service) as client:
        assert [status_of(await client.ask(head)) for _ in range(2)] == [415, 415]
    assert not taken


async def test_a_draining_service_answers_by_aiohttp_and_closes(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        service.health = type(service.health)({}, "up", draining=True)
        answer = await client.ask(pick_of())
        assert b"Connection: close" in answer
        assert await client.reader.read() == b""
    assert not taken


async def test_a_pick_under_way_is_answered_before_the_service_closes(taken: list[bytes]) -> None:
    async with serving(Service()) as service:
        client = await asyncio.open_connection("127.0.0.1", service.port)
        client[1].write(pick_of())
        await whole_answer(client[0])
        service.picker.gate.clear()
        client[1].write(pick_of())
        await eventually(lambda: taken)
        asyncio.get_running_loop().call_later(0.02, service.picker.gate.set)
    assert status_of(await whole_answer(client[0])) == 200
    client[1].close()
    await client[1].wait_closed()


async def test_a_head_seen_before_opens_no_instance_that_its_token_is_not_bound_to(
    taken: list[bytes],
) -> None:
    bound = replace(client_with("dialer", "pick"), instances=("one",))
    guarded = settings_with("one", "two", clients=(bound,), required="always")
    mine, theirs = (PICK[:-1] + b', "instance_id": "%b"}' % name for name in (b"one", b"two"))
    token = b"Authorization: Bearer dialer"
    async with serving(Service(guarded)) as service, connected(service) as client:
        for body, status in ((mine, 200), (mine, 200), (theirs, 403), (mine, 200)):
            assert status_of(await client.ask(pick_of(body, token))) == status
        assert service.sample("pick_refusals_total", instance="", code="Forbidden") == 1
        assert {one.instance_id for one in service.picker.asked} == {"one"}
    assert taken == [mine, theirs, mine]


async def test_a_client_that_leaves_in_a_pick_leaves_nothing_behind(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        service.picker.gate.clear()
        client.writer.write(pick_of())
        await eventually(lambda: taken)
    service.picker.gate.set()
    await eventually(lambda: service.sample("in_flight") == 0)


@pytest.mark.parametrize(
    "header",
    [
        b"X-Request-Id: mine-%d",
        b"x-call-id:%d ",
        b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-%016x-01",
        b"Date: Sat, 28 Nov 2026 13:24:%02d GMT",
    ],
)
async def test_a_head_that_differs_in_what_means_nothing_takes_the_lane(
    service: Service, taken: list[bytes], header: bytes
) -> None:
    async with connected(service) as client:
        answers = [await client.ask(pick_of(PICK, header % number)) for number in range(5)]
    assert [status_of(answer) for answer in answers] == [200] * 5
    assert len(taken) == 4


async def test_the_id_of_a_request_is_its_answers_by_the_lane_too(
    service: Service, taken: list[bytes]
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        for name in (b"one", b'"two\\', b"one", b"one"):
            answer = await client.ask(pick_of(PICK, b"X-Request-Id: " + name))
            assert b"\r\nX-Request-Id: %b\r\n" % name in answer
            assert orjson.loads(answer.partition(b"\r\n\r\n")[2])["request_id"] == name.decode()
        assert b"made-2" in await client.ask(pick_of())
    assert len(taken) == 5


@pytest.mark.parametrize(
    "headers",
    [
        (b"X-Request-Id: one", b"X-Request-Id: two"),
        (b"X-Request-Id: o ne",),
        (b"X-Request-Id: " + b"a" * 129,),
        (b"X-Request-Id:",),
        (b"X-Request-Id : one",),
        (b"X-Trace: \xff",),
        (b"X-Trace: one", b" folded"),
        (b"X-Trace: one\x00",),
        (b"X-Trace: one\ntwo: 2",),
        (b"Y-Trace: one",),
        tuple(b"X-%d: one" % number for number in range(150)),
    ],
)
async def test_what_differs_from_a_known_head_in_more_is_aiohttps(
    service: Service, taken: list[bytes], headers: tuple[bytes, ...]
) -> None:
    async with connected(service) as client:
        await client.ask(pick_of())
        await client.ask(pick_of(PICK, b"X-Trace: zero"))
        assert len(taken) == 1
        await client.ask(pick_of(PICK, *headers))
    assert len(taken) == 1


async def test_a_blank_line_before_a_head_lets_no_other_request_be_read_as_a_pick(
    service: Service, taken: list[bytes]
) -> None:
    body = PICK + b" " * 400
    other = b"\r\n\r\nGET /v1/numbers HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(PICK)
    length = len(pick_of(body)) - len(body) + 4
    async with connected(service) as client:
        taught = b"\r\n\r\n" + pick_of(body)
        assert status_of(await client.ask(taught)) == 200
        padded = other + PICK + b" " * (len(taught) - length - len(other) - len(PICK))
        await client.ask(padded)
    assert not taken


def test_heads_that_never_come_again_push_out_none_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEADS_REMEMBERED", 3)
    known = Heads()
    steady = pick_of(b"").removesuffix(b"\r\n") + b"Accept: */*\r\n\r\n"
    known.learn(steady, 0, NOBODY)
    assert known.find(steady) is not None
    for number in range(20):
        fresh = HEAD + b"Y-New: %d\r\nContent-Length: 0\r\n\r\n" % number
        known.learn(fresh, 0, NOBODY)
        assert known.find(steady) is not None
        assert known.find(steady.replace(b"Host", b"X-New: %d\r\nHost" % number)) is not None
        assert len(known._often) + len(known._once) <= 6


async def test_beyond_the_limit_a_pick_is_refused_from_its_bytes(taken: list[bytes]) -> None:
    async with (
        serving(Service(settings_with(limit=1))) as service,
        connected(service) as inside,
        connected(service) as client,
    ):
        await inside.ask(pick_of())
        service.picker.gate.clear()
        inside.writer.write(pick_of())
        await eventually(lambda: taken)
        by_lane = await client.ask(pick_of(PICK, b"X-Request-Id: made-9"))
        unread = await client.ask(pick_of(PICK, b"Accept: */*", b"X-Request-Id: made-8"))
        by_aiohttp = await client.ask(pick_of(PICK, b"Accept: \xff"))
        assert taken == [PICK]
        assert len(service.picker.asked) == 2
        service.picker.gate.set()
        await eventually(lambda: service.sample("in_flight") == 0)
        assert status_of(await client.ask(pick_of())) == 200
    assert status_of(by_lane) == 503
    assert b"Retry-After: 1\r\n" in by_lane
    assert b'"request_id":"made-9"' in by_lane
    assert b'"request_id":"made-8"' in unread
    assert likeness(by_lane) == likeness(by_aiohttp) == likeness(unread)
    assert service.sample("pick_refusals_total", instance="", code="Overloaded") == 3


async def test_a_refusal_stands_behind_the_answer_to_what_came_before(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Outbox.put

    def asked_meanwhile(outbox: Outbox, write: Any, answer: bytes) -> None:
        """The next pick comes before the answer has left, and finds the gate full."""
        monkeypatch.setattr(Gate, "admit", lambda *_: None)
        asyncio.get_running_loop().call_soon(write.__self__.data_received, pick_of())
        put(outbox, write, answer)

    async with connected(service) as client:
        await client.ask(pick_of())
        monkeypatch.setattr(Outbox, "put", asked_meanwhile)
        statuses = [status_of(await client.ask(pick_of())), status_of(await client.ask())]
    assert statuses == [200, 503]


LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(PICK), PICK)
# What is answered, and leaves the connection as it was.
WHOLE = {
    **{f"a pick of {last}": asking_for(f"1388888{last}") for last in ("0001", "0002", "0003")},
    "a landline": asking_for("010-5550 0001"),
    "JSON cut short": pick_of(PICK[:-1] + b","),
    "no body": pick_of(b""),
    "a body of another length": pick_of(PICK + b" "),
    "a body with a head in it": pick_of(PICK[:-1] + b', "call_id": "' + GET[:20] + b'"}'),
    "its own id": pick_of(PICK, b"X-Request-Id: mine"),
    "an id with quotes": pick_of(PICK, b'X-Request-Id: "mine"'),
    "an id with a blank": pick_of(PICK, b"X-Request-Id: m ine"),
    "an id of no length": pick_of(PICK, b"X-Request-Id:"),
    "an id too long": pick_of(PICK, b"X-Request-Id: " + b"a" * 129),
    "two ids": pick_of(PICK, b"X-Request-Id: one", b"X-Request-Id: two"),
    "an id beyond ASCII": pick_of(PICK, b"X-Request-Id: \xc3\xa9"),
    "a trace": pick_of(PICK, b"traceparent: 00-1-2-01"),
    "a trace with blanks": pick_of(PICK, b"TraceParent: \t 00-1-2-01 \t "),
    "two traces": pick_of(PICK, b"traceparent: 00-1-2-01", b"tracestate: a=b"),
    "a date": pick_of(PICK, b"Date: Sat, 28 Nov 2026 13:24:57 GMT"),
    "an unknown header": pick_of(PICK, b"Accept: */*"),
    "a known header in capitals": pick_of().replace(b"Host", b"HOST"),
    "no blank behind a colon": pick_of().replace(b"Host: x", b"Host:x"),
    "another host": pick_of().replace(b"Host: x", b"Host: y"),
    "a length with zeros": pick_of().replace(b"Length: ", b"Length: 000"),
    "a query": pick_of().replace(b"/v1/pick", b"/v1/pick?format=text"),
    "an absolute target": pick_of().replace(b"/v1/pick", b"http://x/v1/pick"),
    "a fragment": pick_of().replace(b"/v1/pick", b"/v1/pick#x"),
    "another path": pick_of().replace(b"/v1/pick", b"/v1/pack"),
    "another method": pick_of().replace(b"POST", b"PUT"),
    "another media type": pick_of().replace(b"application/json", b"text/plain"),
    "a form": pick_of().replace(b"application/json", b"application/x-www-form-urlencoded"),
    "a compressed body": pick_of(PICK, b"Content-Encoding: gzip"),
    "a connection kept": pick_of(PICK, b"Connection: keep-alive"),
    "chunks": CHUNKED,
    "a blank line": b"\r\n",
    "a blank line before a pick": b"\r\n" + pick_of(),
    "two blank lines before a pick": b"\r\n\r\n" + pick_of(),
    "two picks": pick_of() + asking_for("13888880004"),
    "liveness": GET + b"\r\n",
    "liveness with a body": GET + b"Content-Length: 5\r\n\r\nhello",
    "liveness with a pick in its body": GET
    + b"Content-Length: %d\r\n\r\n" % len(pick_of())
    + pick_of(),
    "an outcome": outcome_of(),
    "an outcome of another call": outcome_of(REPORT.replace(b'"a"', b'"b"')),
    "an outcome cut short": outcome_of(REPORT[:-1] + b","),
    "an outcome with its own id": outcome_of(REPORT, b"X-Request-Id: mine"),
    "an outcome with an unknown header": outcome_of(REPORT, b"Accept: */*"),
    "nothing there": b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
}
# What is refused, or answered, and then closed.
LAST_OF_ALL = {
    "a close": pick_of(PICK, b"Connection: close"),
    "HTTP/1.0": pick_of().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a length below 0": HEAD + b"Content-Length: -1\r\n\r\n",
    "two lengths": pick_of(PICK, b"Content-Length: 1"),
    "a length and chunks": pick_of(PICK, b"Transfer-Encoding: chunked"),
    "no host": pick_of().replace(b"Host: x\r\n", b""),
    "two hosts": pick_of(PICK, b"Host: y"),
    "a folded header": pick_of(PICK, b"X-Trace: a", b" b"),
    "a NUL": pick_of(PICK, b"X-Trace: a\x00b"),
    "a line feed": pick_of(PICK, b"X-Trace: a\nX-Other: b"),
    "a blank before a colon": pick_of(PICK, b"X-Trace : a"),
    "a mistyped version": pick_of().replace(b"HTTP/1.1", b"HTTP/1.l"),
    "no HTTP": b"*1\r\n$4\r\nPING\r\n",
}
MESSAGES = st.sampled_from([*WHOLE.values()])


async def answers_to(parts: Sequence[bytes], *, by_lane: bool) -> list[object]:
    """What one connection hears, after another has taught the server the usual heads."""
    service = Service()
    service.body_seconds = 5
    service.picker = Echo()  # type: ignore[assignment]  # in the fake's place
    async with serving(service) if by_lane else by_aiohttp(service):
        async with connected(service) as teacher:
            await teacher.ask(asking_for("13888880000"))
            await teacher.ask(outcome_of())
        async with connected(service) as client:
            for part in parts:
                client.writer.write(part)
                await asyncio.sleep(0)
            heard = []
            with suppress(ConnectionError):
                while answer := await whole_answer(client.reader):
                    heard.append(likeness(answer))
            return [*heard, service.picker.asked, service.outcomes.told]


@asynccontextmanager
async def by_aiohttp(service: Service) -> AsyncIterator[None]:
    """The same application without the lane."""
    runner = without_lane(service)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        service.port = runner.addresses[0][1]
        yield
    finally:
        await runner.cleanup()


class Wire(asyncio.Transport):
    """Hears what a protocol answers."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""
        self.closed = asyncio.Event()

    def write(self, data: Any) -> None:
        self.heard += data

    def close(self) -> None:
        self.closed.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """The same."""


async def conversation(server: Any, parts: Sequence[bytes]) -> bytes:
    """Send parts of a stream that ends with a close, and return what is answered to them."""
    protocol, wire = server(), Wire()
    protocol.connection_made(wire)
    for part in parts:
        protocol.data_received(part)
        for _ in range(4):
            await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await wire.closed.wait()
    protocol.connection_lost(None)
    return wire.heard


def without_lane(service: Service) -> web.AppRunner:
    """The same application, each of whose requests is aiohttp's."""
    runner = server.Runner(service.app(), 5, access_log=None, auto_decompress=False)
    runner._moved = ["all"]
    return runner


def alike(answers: bytes) -> bytes:
    """What was answered, but for times and ids that differ."""
    return re.sub(rb"made-[0-9]+|\r\nDate: [^\r]*|Content-Length: [0-9]+", b"", answers)


@pytest.mark.no_cover  # thousands of steps
@pytest.mark.parametrize(
    "message",
    [*(whole + LAST for whole in WHOLE.values()), *LAST_OF_ALL.values()],
    ids=[*WHOLE, *LAST_OF_ALL],
)
async def test_wherever_a_request_is_cut_it_hears_what_aiohttp_would_say(message: bytes) -> None:
    service = Service()
    service.body_seconds = 5
    async with serving(service), connected(service) as teacher:
        for request, status in ((pick_of(), 200), (outcome_of(), 202)) * 2:
            assert status_of(await teacher.ask(request)) == status
        runner = without_lane(service)
        await runner.setup()
        ours, theirs = service.runner and service.runner.server, runner.server
        try:
            for cut in range(len(message)):
                parts = (message[:cut], message[cut:])
                heard = await conversation(ours, parts)
                assert alike(heard) == alike(await conversation(theirs, parts)), cut
        finally:
            await runner.cleanup()


@pytest.mark.no_cover  # thousands of steps
@settings(max_examples=60)
@given(st.lists(MESSAGES, max_size=8), st.lists(st.floats(0, 1), max_size=6))
def test_whatever_a_connection_sends_it_hears_what_aiohttp_would_say(
    messages: list[bytes], cuts: list[float]
) -> None:
    stream = b"".join([*messages, LAST])
    edges = [0, *sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
    parts = [stream[start:end] for start, end in pairwise(edges)]
    heard = asyncio.run(answers_to(parts, by_lane=True))
    assert heard == asyncio.run(answers_to(parts, by_lane=False))


async def test_a_pick_whose_wait_is_given_up_has_an_answer_and_its_connection_goes_on(
    service: Service, taken: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def given_up(_: PickRequest) -> PickAnswer:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.cancel)
        await future
        raise AssertionError

    async with connected(service) as client:
        await client.ask(pick_of())
        with monkeypatch.context() as patched:
            patched.setattr(service.picker, "pick", given_up)
            async with asyncio.timeout(5):
                assert status_of(await client.ask(pick_of())) == 500
        assert taken
        assert status_of(await client.ask(pick_of())) == 200
