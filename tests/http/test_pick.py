"""`POST /v1/pick`: what it takes, what it gives, what it counts."""

import asyncio
import re

import orjson
import pytest
from msgspec.structs import replace

from service.api.problems import STATUS
from service.errors import (
    CalleeBudgetExceeded,
    CallerIdError,
    InvalidCalledNumber,
    InventoryUnavailable,
    LedgerUnavailable,
    NoEligibleNumber,
    UnknownInstance,
)
from service.picking import PickRequest
from tests.http.http_fixtures import (
    CALLED,
    GROUP,
    PICK,
    Service,
    ask,
    client_with,
    picked,
    picked_by_form,
    raw,
    serving,
    settings_with,
    status_of,
)
from tests.waiting import eventually


async def test_a_pick_is_answered_with_the_pairs_best_first(service: Service) -> None:
    answer = await picked(service)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    callee = {"number": CALLED, "province": "云南", "city": "昆明"}
    near = {"number": "087155500001", "province": "云南", "city": "昆明"}
    far = {"number": "01055500002", "province": "北京", "city": "北京"}
    assert answer.json == {
        "request_id": "made-1",
        "source": "redis",
        "data": [
            {"caller": near, "callee": callee, "match": "city"},
            {"caller": far, "callee": callee, "match": "any"},
        ],
    }


async def test_every_field_reaches_the_picker(service: Service) -> None:
    body = b"""{"called_number": "+86 138", "instance_id": "ccc-test", "skill_group_ids": ["a"],
        "agent_id": "amy", "count": 3, "min_match": "city", "exclude": ["010"], "dry_run": true}"""
    assert (await picked(service, body)).status == 200
    assert service.picker.asked == [
        PickRequest("+86 138", "ccc-test", ("a",), "amy", 3, "city", ("010",), True)  # noqa: FBT003 - fields in their order
    ]


async def test_a_form_says_the_same_as_json(service: Service) -> None:
    form = (
        b"called_number=%2B86+138&instance_id=ccc-test&skill_group_ids=a,b&skill_group_ids=c"
        b"&agent_id=amy&count=3&min_match=city&exclude=010&dry_run=yes"
    )
    assert (await picked_by_form(service, form)).status == 200
    assert service.picker.asked == [
        PickRequest("+86 138", "ccc-test", ("a", "b", "c"), "amy", 3, "city", ("010",), True)  # noqa: FBT003 - fields in their order
    ]


@pytest.mark.parametrize(
    ("word", "meant"), [("true", True), ("1", True), ("YES", True), ("false", False), ("0", False)]
)
async def test_a_switch_of_a_form_is_a_word_or_a_digit(
    service: Service, word: str, *, meant: bool
) -> None:
    await picked_by_form(service, f"called_number=1&dry_run={word}".encode())
    assert service.picker.asked[0].dry_run is meant


async def test_a_field_left_blank_in_a_form_is_not_given(service: Service) -> None:
    await picked_by_form(service, b"called_number=1&agent_id=&count=&skill_group_ids=")
    assert service.picker.asked == [PickRequest("1")]


@pytest.mark.parametrize(
    ("form", "status", "field"),
    [
        (b"", 400, None),
        (b"called_number=%ff", 400, None),
        (b"called_number=\xff", 400, None),
        (b"called_number=1&" + b"x=1&" * 300, 400, None),
        (b"called_number=%00", 422, "called_number"),
        (b"called_number=", 422, "called_number"),
        (b"called_number=1&called_number=2", 422, "called_number"),
        (b"called_number=1&colour=red", 422, "colour"),
        (b"called_number=1&dry_run=maybe", 422, "dry_run"),
        (b"called_number=1&count=0", 422, "count"),
        (b"called_number=1&count=ten", 422, "count"),
        (b"called_number=1&count=1.0", 422, "count"),
        (b"called_number=1&count=99999999999999999999", 422, "count"),
        (b"called_number=1&min_match=street", 422, "min_match"),
        (b"called_number=1&skill_group_ids=" + b",".join([b"a"] * 17), 422, "skill_group_ids"),
    ],
)
async def test_a_bad_form_is_refused(
    service: Service, form: bytes, status: int, field: str | None
) -> None:
    answer = await picked_by_form(service, form)
    assert answer.status == status
    assert answer.json.get("field") == field
    assert not service.picker.asked


async def test_as_text_the_callers_stand_alone_a_line_each(service: Service) -> None:
    answer = await picked_by_form(service, b"called_number=1", "?format=text")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text == "087155500001\n01055500002\n"


async def test_as_text_a_refusal_is_one_line_that_is_no_number(service: Service) -> None:
    service.picker.error = NoEligibleNumber({"parked": 3})
    answer = await picked_by_form(service, b"called_number=1", "?format=text")
    assert answer.status == 409
    assert re.fullmatch(r"NoEligibleNumber: [^\n]+\n", answer.text)


async def test_as_text_a_refusal_that_ends_says_when(service: Service) -> None:
    service.picker.error = CalleeBudgetExceeded(12.3)
    answer = await picked_by_form(service, b"called_number=1", "?format=text")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "13")
    assert re.fullmatch(r"CalleeBudgetExceeded: [^\n]+ \(Retry-After: 13\)\n", answer.text)


async def test_an_unknown_format_is_refused_before_anything_is_picked(service: Service) -> None:
    answer = await picked_by_form(service, b"called_number=1", "?format=xml")
    assert (answer.status, answer.json["field"]) == (422, "format")
    assert not service.picker.asked


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnknownInstance("instance_id: none"), 404, "UnknownInstance"),
        (NoEligibleNumber({}), 409, "NoEligibleNumber"),
        (InvalidCalledNumber("is a short code"), 422, "InvalidCalledNumber"),
        (InventoryUnavailable("not yet"), 503, "InventoryUnavailable"),
        (LedgerUnavailable("Redis is down"), 503, "LedgerUnavailable"),
        (ZeroDivisionError("a bug"), 500, "InternalError"),
    ],
)
async def test_what_the_picker_raises_is_a_problem_and_is_counted(
    service: Service, error: Exception, status: int, code: str
) -> None:
    service.picker.error = error
    answer = await picked(service)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert service.sample("pick_refusals_total", instance="ccc-test", code=code) == 1
    assert service.sample("in_flight") == 0


async def test_an_answer_is_counted_by_its_best_match_and_timed(service: Service) -> None:
    await picked(service)
    labels = {"instance": "ccc-test", "source": "redis", "match": "city"}
    assert service.sample("picks_total", **labels) == 1
    assert service.sample("pick_duration_seconds_count", source="redis") == 1


async def test_an_instance_that_a_client_made_up_is_no_label(service: Service) -> None:
    service.picker.error = UnknownInstance("instance_id: none")
    await picked(service, b'{"called_number": "1", "instance_id": "13800138000"}')
    assert service.sample("pick_refusals_total", instance="", code="UnknownInstance") == 1


async def test_beyond_the_limit_a_pick_is_refused_before_its_body_is_read() -> None:
    async with serving(Service(settings_with(limit=1))) as service:
        service.picker.gate.clear()
        first = asyncio.create_task(picked(service))
        await eventually(lambda: service.picker.asked)
        assert service.sample("in_flight") == 1
        head = b"POST /v1/pick HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
        answer = await raw(service, head + b"\r\n", rest=b" " * 10)
        assert status_of(answer) == 503
        assert b"Retry-After: 1" in answer
        assert b"Overloaded" in answer
        service.picker.gate.set()
        assert (await first).status == 200
        assert (await picked(service)).status == 200
        assert service.sample("pick_refusals_total", instance="", code="Overloaded") == 1


@pytest.mark.parametrize("trying", [{}, {"dry_run": True, "explain": True}], ids=["real", "dry"])
async def test_heavy_picks_are_refused_before_they_hold_up_others(trying: dict[str, bool]) -> None:
    groups = [f"group-{number}@ccc-test" for number in range(16)]
    heavy = {"called_number": CALLED, "skill_group_ids": groups, "count": 100, **trying}
    async with serving(Service(settings_with(limit=100))) as service:
        service.picker.gate.clear()
        asking = [asyncio.create_task(picked(service, orjson.dumps(heavy))) for _ in range(8)]
        await eventually(lambda: len(service.picker.asked) + sum(map(is_done, asking)) == 8)
        let_in = len(service.picker.asked)
        others = [asyncio.create_task(picked(service)) for _ in range(20)]
        await eventually(lambda: len(service.picker.asked) == let_in + 20)
        service.picker.gate.set()
        answers = await asyncio.gather(*asking)
        assert [answer.status for answer in await asyncio.gather(*others)] == [200] * 20
    assert let_in in (1, 2)
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200] * let_in + [503] * (8 - let_in)
    refused = next(answer for answer in answers if answer.status == 503)
    assert (refused.json["code"], refused.headers["Retry-After"]) == ("Overloaded", "1")


def is_done(task: asyncio.Task[object]) -> bool:
    return task.done()


async def test_one_client_leaves_room_for_another() -> None:
    bounded = replace(client_with("bounded", "pick"), max_in_flight=2)
    clients = (client_with("greedy", "pick"), client_with("modest", "pick"), bounded)
    settings = settings_with(clients=clients, required="always", limit=12)
    async with serving(Service(settings)) as service:

        async def ask_as(name: str) -> int:
            return (await picked(service, Authorization=f"Bearer {name}")).status

        assert [await ask_as(name) for name in ("greedy", "modest", "bounded")] == [200] * 3
        service.picker.gate.clear()
        asking = {
            name: [asyncio.create_task(ask_as(name)) for _ in range(20)]
            for name in ("greedy", "bounded")
        }
        every = [*asking["greedy"], *asking["bounded"]]
        await eventually(lambda: len(service.picker.asked) + sum(map(is_done, every)) == 3 + 40)
        asking["modest"] = [asyncio.create_task(ask_as("modest")) for _ in range(2)]
        so_far = len(service.picker.asked)
        await eventually(lambda: len(service.picker.asked) == so_far + 2)
        service.picker.gate.set()
        answered = {name: await asyncio.gather(*tasks) for name, tasks in asking.items()}
    assert answered["modest"] == [200] * 2
    assert answered["bounded"].count(200) == 2
    assert answered["greedy"].count(200) in (6, 7, 8)


async def test_other_methods_and_paths_are_problems_too(service: Service) -> None:
    wrong = await ask(service, "GET", "/v1/pick")
    assert (wrong.status, wrong.json["code"]) == (405, "MethodNotAllowed")
    assert wrong.headers["Allow"] == "POST"
    nowhere = await ask(service, "GET", "/v2/pick")
    assert (nowhere.status, nowhere.json["code"]) == (404, "NotFound")


async def test_many_picks_go_over_one_connection(service: Service) -> None:
    head = b"POST /v1/pick HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    one = head + b"Content-Length: %d\r\n\r\n" % len(PICK) + PICK
    assert status_of(await raw(service, one * 3)) == 200
    await eventually(lambda: len(service.picker.asked) == 3)
    assert {asked.skill_group_ids for asked in service.picker.asked} == {(GROUP,)}


def test_every_error_that_a_client_can_meet_has_a_status() -> None:
    met = {error.code for error in _all_errors(CallerIdError)}
    inside = {  # no client meets them
        *("CannotListen", "NoAnswer", "SettingsError", "StaleLeader", "SweepFailed"),
        "WorkersFailed",
    }
    assert met - STATUS.keys() - inside == {"InternalError"}


def _all_errors(root: type[CallerIdError]) -> set[type[CallerIdError]]:
    return {root} | {error for child in root.__subclasses__() for error in _all_errors(child)}
