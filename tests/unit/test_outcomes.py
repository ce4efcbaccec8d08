"""Outcomes over a ledger that says what a test wants, and that can be out of reach."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import msgspec
import pytest

from service import outcomes
from service.errors import InvalidCalledNumber, InvalidField, LedgerUnavailable, UnknownCall
from service.inventory import Inventory, Mark, PhoneNumber, group_token
from service.ledger.answers import Followed
from service.ledger.port import Avoid, Operation, Outcome, Park, Stop
from service.locality import Locator
from service.metrics import Metrics
from service.outcomes import OutcomeReport, Outcomes, waiting
from service.picking.instance import Digests
from service.picking.notes import LocalNotes, Note
from service.settings import SipAction
from tests.waiting import eventually

LOCATOR = Locator(resources.files("phone").joinpath("phone.dat").read_bytes())
DIGESTS = Digests(b"a key", "ccc-test")
CALLED = "13888888888"  # of 昆明, 云南
CALLER = "02855500001"
CALLEE, CALL = DIGESTS.callee(CALLED), DIGESTS.call("c1")
NOW = 1_000_000
UNTIL = NOW + 60_000
SALES = group_token("sales@ccc-test")
MARK = f"city SC{SALES}"
STICKY = f"sticky any SC{SALES}"
ONE = Followed("followed", ((CALLER, MARK),))
TWO = Followed("followed", ((CALLER, MARK), ("02855500002", STICKY)))
SIP_ACTIONS = {
    474: SipAction("stop_callee", 60),
    475: SipAction("rest_provider", 60),
    477: SipAction("rest_number", 60),
    441: SipAction("avoid_region", 60),
}


class FakeKeeper:
    def __init__(self, numbers: int) -> None:
        group = ("sales@ccc-test",)
        self.inventory: Inventory | None = Inventory(
            "ccc-test",
            1,
            [
                PhoneNumber(f"0285550{last:04d}", skill_group_ids=group, provider="alicom")
                for last in range(1, numbers + 1)
            ],
        )

    async def follow(self) -> None:
        raise AssertionError


class FakeLedger:
    """Follows as told, and raises while it is down; `most` counts the parks at once."""

    def __init__(self) -> None:
        self.answer = ONE
        self.down = False
        self.tried = 0
        self.followed: list[Outcome] = []
        self.parks: list[Park] = []
        self.stops: list[Stop] = []
        self.avoided: list[Avoid] = []
        self.failing_parks = 0
        self.bug = False
        self.parking = self.most = 0

    async def apply(self, operation: Operation) -> Followed | bool:
        match operation:
            case Outcome():
                self.tried += 1
                self._fail()
                self.followed.append(operation)
                return self.answer
            case Park():
                await self._park(operation)
            case Stop():
                self._fail()
                self.stops.append(operation)
            case Avoid():
                self._fail()
                self.avoided.append(operation)
        return True

    async def _park(self, park: Park) -> None:
        if self.bug:
            raise ZeroDivisionError
        self.parking += 1
        self.most = max(self.most, self.parking)
        await asyncio.sleep(0)
        self.parking -= 1
        if self.failing_parks:
            self.failing_parks -= 1
            raise LedgerUnavailable("Redis is down")
        self._fail()
        self.parks.append(park)

    def _fail(self) -> None:
        if self.down:
            raise LedgerUnavailable("Redis is down")


class FakeInstance(msgspec.Struct, frozen=True):
    instance_id: str
    keeper: FakeKeeper
    ledger: FakeLedger
    digests: Digests
    notes: LocalNotes = msgspec.field(default_factory=LocalNotes)

    def now(self) -> int:
        return NOW


class Bench:
    """The outcomes of one instance and what they are made of."""

    def __init__(self, numbers: int = 2) -> None:
        self.ledger = FakeLedger()
        self.metrics = Metrics()
        self.healths: list[tuple[str, str, str, Mark, int]] = []
        self.keeper = FakeKeeper(numbers)
        self.instance = FakeInstance("ccc-test", self.keeper, self.ledger, DIGESTS)
        self.outcomes = Outcomes(
            {"ccc-test": self.instance},  # type: ignore[dict-item]  # the fake ledger has just what is used
            LOCATOR,
            self.metrics,
            sip_actions=SIP_ACTIONS,
            note_end=lambda *told: self.healths.append(told),
        )

    async def report(self, result: Any = "answered", call_id: str = "c1", **fields: Any) -> None:
        await self.outcomes.report(OutcomeReport(result, call_id, **fields))

    def counted(self, match: str, result: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            "callerid_outcomes_total", {"instance": "ccc-test", "match": match, "result": result}
        )


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    task = asyncio.create_task(bench.outcomes.run())
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "RETRY_SECONDS", 0.001)


@pytest.mark.parametrize("result", ["ringing", "in_call"])
async def test_a_call_that_goes_on_renews_and_feeds_no_health(result: str) -> None:
    bench = Bench()
    await bench.report(result)
    assert bench.ledger.followed == [Outcome(CALL, "", "", final=False)]
    assert bench.counted("city", result) == 1
    assert not bench.healths


@pytest.mark.parametrize(
    "result", ["answered", "no_answer", "busy", "rejected", "blocked", "failed"]
)
async def test_a_call_that_ended_is_final_counted_and_feeds_the_numbers_health(
    result: str,
) -> None:
    bench = Bench()
    await bench.report(result, talk_ms=42_000)
    assert bench.ledger.followed == [Outcome(CALL, "", "", final=True)]
    assert bench.counted("city", result) == 1
    mark = Mark("city", "city", "SC", SALES)
    assert bench.healths == [("ccc-test", CALLER, result, mark, 42_000)]


async def test_a_call_is_found_by_both_of_its_numbers_however_they_are_written() -> None:
    bench = Bench()
    await bench.report(call_id="", caller_number="28-5550 0001", called_number="+86 138 8888 8888")
    assert bench.ledger.followed == [Outcome("", CALLEE, CALLER, final=True)]


async def test_of_a_pick_of_several_the_one_that_was_shown_is_named() -> None:
    bench = Bench()
    bench.ledger.answer = TWO
    await bench.report(caller_number="02855500002")
    assert bench.ledger.followed == [Outcome(CALL, "", "02855500002", final=True)]
    assert bench.counted("sticky", "answered") == 1
    used = Mark("sticky", "any", "SC", SALES)
    assert bench.healths == [("ccc-test", "02855500002", "answered", used, 0)]


async def test_of_several_with_none_named_the_number_is_not_told() -> None:
    bench = Bench()
    bench.ledger.answer = TWO
    await bench.report(sip_code=477)
    assert bench.counted("city", "answered") == 1
    assert [told[1] for told in bench.healths] == [""]


async def test_an_outcome_told_again_changes_nothing() -> None:
    async with running(Bench()) as bench:
        bench.ledger.answer = Followed("over", ((CALLER, "city"),))
        await bench.report(sip_code=477)
        await asyncio.sleep(0.01)
    assert bench.counted("city", "answered") is None
    assert not bench.healths
    assert not bench.ledger.parks


async def test_a_call_that_nobody_picked_for_is_unknown() -> None:
    bench = Bench()
    bench.ledger.answer = Followed("unknown")
    with pytest.raises(UnknownCall):
        await bench.report()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "caller_number"),
        ({"called_number": CALLED}, "caller_number"),
        ({"caller_number": CALLER}, "called_number"),
        ({"caller_number": "0285550****", "called_number": CALLED}, "caller_number"),
        ({"caller_number": "120", "called_number": CALLED}, "caller_number"),
        ({"call_id": "c1", "caller_number": "x"}, "caller_number"),
    ],
)
async def test_a_report_that_does_not_say_which_call_is_refused(
    fields: dict[str, str], field: str
) -> None:
    bench = Bench()
    with pytest.raises(InvalidField) as refused:
        await bench.report(**{"call_id": "", **fields})
    assert refused.value.field == field
    assert bench.ledger.tried == 0


async def test_a_called_number_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidCalledNumber):
        await Bench().report(call_id="", caller_number=CALLER, called_number="120")


async def test_an_outcome_is_kept_while_the_ledger_is_out_of_reach() -> None:
    async with running(Bench()) as bench:
        bench.ledger.down = True
        await bench.report("busy")
        await bench.report("answered", "c2")
        await eventually(lambda: bench.ledger.tried > 4)
        assert bench.counted("city", "busy") is None
        bench.ledger.down = False
        await eventually(lambda: bench.counted("city", "answered"))
    assert [outcome.call for outcome in bench.ledger.followed] == [CALL, DIGESTS.call("c2")]
    assert bench.counted("city", "busy") == 1
    assert [told[:3] for told in bench.healths] == [
        ("ccc-test", CALLER, "busy"),
        ("ccc-test", CALLER, "answered"),
    ]


async def test_a_kept_outcome_of_an_unknown_call_holds_nothing_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "service.outcomes.waiting")
    async with running(Bench()) as bench:
        bench.ledger.down = True
        await bench.report()
        bench.ledger.down, bench.ledger.answer = False, Followed("unknown")
        await eventually(lambda: caplog.messages)
        bench.ledger.answer = ONE
        await bench.report("busy")
    assert caplog.messages == [
        "An outcome of ccc-test that waited for the ledger was dropped: UnknownCall"
    ]
    assert bench.counted("city", "busy") == 1


async def test_a_fault_of_ours_is_logged_and_holds_nothing_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(Bench()) as bench:
        bench.ledger.bug = True
        await bench.report("failed", sip_code=477)
        await bench.report("failed", called_number=CALLED, sip_code=474)
        await eventually(lambda: bench.ledger.stops)
    assert caplog.messages == ["An outcome of ccc-test could not be followed"]


async def test_too_many_kept_drop_the_oldest_and_say_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waiting, "MOST_KEPT", 2)
    bench = Bench()
    bench.ledger.down = True
    for call_id in ("c1", "c2", "c3", "c4"):
        await bench.report(call_id=call_id)
    assert "2 so far" in caplog.messages[-1]
    bench.ledger.down = False
    async with running(bench):
        await eventually(lambda: len(bench.ledger.followed) == 2)
    assert {one.call for one in bench.ledger.followed} == set(map(DIGESTS.call, ("c3", "c4")))


async def test_what_was_never_told_is_owned_up_to_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(Bench()) as bench:
        bench.ledger.down = True
        await bench.report()
        await eventually(lambda: bench.ledger.tried > 1)
    assert caplog.messages == ["1 outcomes of ccc-test still wait for the ledger"]


async def test_a_sip_code_rests_the_number_that_was_shown() -> None:
    async with running(Bench()) as bench:
        await bench.report("failed", sip_code=477)
        await eventually(lambda: bench.ledger.parks)
    assert bench.ledger.parks == [rest := Park(CALLER, "sip_rest", UNTIL)]
    assert await bench.instance.notes.read([rest]) == {rest: Note(UNTIL, "", "SIP 477")}


@pytest.mark.parametrize("code", [486, 0])
async def test_a_code_that_is_not_configured_does_nothing(code: int) -> None:
    bench = Bench()
    await bench.report("failed", sip_code=code)
    assert not bench.outcomes._waiting["ccc-test"]


async def test_sip_actions_may_be_others_from_now_on() -> None:
    async with running(Bench()) as bench:
        bench.outcomes.act_by({486: SIP_ACTIONS[477]})
        await bench.report("failed", sip_code=477)
        await bench.report("busy", sip_code=486)
        await eventually(lambda: bench.ledger.parks)
    assert bench.ledger.parks == [Park(CALLER, "sip_rest", UNTIL)]


@pytest.mark.parametrize(("first", "said"), [(0, True), (486, False)])
async def test_actions_for_codes_that_nobody_reports_are_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, first: int, *, said: bool
) -> None:
    monkeypatch.setattr(outcomes, "UNCODED", 2)
    bench = Bench()
    for code in (first, 0, 0, 0):
        await bench.report("failed", sip_code=code)
    assert ("[sip_actions] has nothing to act on" in caplog.text) is said


async def test_actions_that_come_later_are_told_of_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outcomes, "UNCODED", 2)
    bench = Bench()
    bench.outcomes.act_by({})
    for _ in range(3):
        await bench.report("failed")
    bench.outcomes.act_by(SIP_ACTIONS)
    for _ in range(2):
        assert "[sip_actions] has nothing to act on" not in caplog.text
        await bench.report("failed")
    assert "[sip_actions] has nothing to act on" in caplog.text


async def test_a_code_of_a_call_that_goes_on_does_nothing() -> None:
    bench = Bench()
    await bench.report("ringing", sip_code=477)
    assert not bench.outcomes._waiting["ccc-test"]


@pytest.mark.parametrize("call", [{"call_id": "c1"}, {"call_id": "", "caller_number": CALLER}])
async def test_a_sip_code_stops_the_callee_that_is_named(call: dict[str, str]) -> None:
    async with running(Bench()) as bench:
        await bench.report("failed", called_number=CALLED, sip_code=474, **call)
        await eventually(lambda: bench.ledger.stops)
    assert bench.ledger.stops == [Stop(CALLEE, UNTIL, reason="SIP 474")]


async def test_a_sip_code_keeps_a_number_away_from_the_callees_province() -> None:
    async with running(Bench()) as bench:
        await bench.report("failed", called_number=CALLED, sip_code=441)
        await eventually(lambda: bench.ledger.avoided)
    assert bench.ledger.avoided == [Avoid(CALLER, "云南", UNTIL)]


async def test_a_stop_without_a_callee_asks_for_the_called_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await Bench().report("failed", sip_code=474)
    assert "SIP 474 calls for stop_callee" in caplog.text


async def test_a_whole_provider_rests_a_slice_at_a_time() -> None:
    async with running(Bench(numbers=100)) as bench:
        await bench.report("failed", sip_code=475)
        await eventually(lambda: len(bench.ledger.parks) == 100)
    assert bench.ledger.most == 32
    assert {park.reason for park in bench.ledger.parks} == {"provider"}
    assert len({park.number for park in bench.ledger.parks}) == 100


async def test_only_what_may_call_out_rests_with_its_provider() -> None:
    async with running(Bench()) as bench:
        inactive = PhoneNumber("02855500009", active=False, provider="alicom")
        other = PhoneNumber("02855500008", skill_group_ids=("sales@ccc-test",), provider="other")
        own = PhoneNumber(CALLER, skill_group_ids=("sales@ccc-test",), provider="alicom")
        bench.keeper.inventory = Inventory("ccc-test", 2, [inactive, other, own])
        await bench.report("failed", sip_code=475)
        await eventually(lambda: bench.ledger.parks)
    assert bench.ledger.parks == [Park(CALLER, "provider", UNTIL)]


async def test_calls_that_fail_at_once_rest_their_provider_once() -> None:
    async with running(Bench(numbers=100)) as bench:
        for call_id in ("c1", "c2", "c3"):
            await bench.report("failed", call_id, sip_code=475)
        await eventually(lambda: not bench.outcomes._waiting["ccc-test"])
    assert len(bench.ledger.parks) == 100


async def test_a_rest_that_was_cut_off_is_begun_again() -> None:
    async with running(Bench(numbers=40)) as bench:
        bench.ledger.failing_parks = 3
        await bench.report("failed", sip_code=475)
        await eventually(lambda: not bench.outcomes._waiting["ccc-test"])
    assert len({park.number for park in bench.ledger.parks}) == 40


async def test_an_action_waits_for_a_ledger_that_went_out_of_reach() -> None:
    bench = Bench()
    await bench.report("failed", sip_code=477)
    bench.ledger.down = True
    async with running(bench):
        await asyncio.sleep(0.005)
        bench.ledger.down = False
        await eventually(lambda: bench.ledger.parks)
    assert bench.ledger.parks == [Park(CALLER, "sip_rest", UNTIL)]


async def test_a_lost_answer_loses_no_action_and_doubles_no_count() -> None:
    async with running(Bench()) as bench:
        bench.ledger.down = True
        await bench.report("failed", sip_code=477)
        bench.ledger.down, bench.ledger.answer = False, Followed("over", ONE.uses)
        await eventually(lambda: bench.ledger.parks)
    assert bench.ledger.parks == [Park(CALLER, "sip_rest", UNTIL)]
    assert bench.counted("city", "failed") is None


async def test_without_an_inventory_the_one_number_rests_for_its_provider() -> None:
    async with running(Bench()) as bench:
        bench.keeper.inventory = None
        await bench.report("failed", sip_code=475)
        await eventually(lambda: bench.ledger.parks)
    assert bench.ledger.parks == [Park(CALLER, "provider", UNTIL)]
