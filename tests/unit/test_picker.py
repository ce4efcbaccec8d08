"""The use case over the ledger in memory and a CCC that answers what a test wants."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from types import MappingProxyType
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from service.ccc.payloads import NumberPair
from service.ccc.payloads import PickedNumber as CccNumber
from service.coverage.demand import DAYS, Called, Days, Demand
from service.errors import (
    CccThrottled,
    InvalidCalledNumber,
    InvalidField,
    InventoryUnavailable,
    NoEligibleNumber,
    UnknownInstance,
)
from service.experiment import Experiment
from service.inventory import LEVELS, Inventory, PhoneNumber, Terms, read_mark
from service.ledger import LocalLedger, Outcome, Park, Rules, describe
from service.locality import Locator
from service.metrics import Metrics
from service.picking import Candidate, PickRequest
from service.picking.instance import Digests, Instance
from service.picking.notes import LocalNotes
from service.picking.picker import Picker
from service.redis_.counts import LocalCounts
from service.reports.calls import CallCounter
from service.reports.report import By
from service.reports.rows import LocalRows
from service.settings import ExperimentSettings
from service.sync import SweepReport
from tests.fakes import in_place_of

SALES, SUPPORT = "sales@ccc-test", "support@ccc-test"
CHENGDU_MOBILE = "13880001234"
LOCATOR = Locator(resources.files("phone").joinpath("phone.dat").read_bytes())


def chengdu(last: int, *groups: str, agent_id: str = "", usage: str = "Outbound") -> PhoneNumber:
    return PhoneNumber(
        f"0285550{last:04d}",
        "四川",
        "成都",
        "028",
        usage=usage,
        skill_group_ids=groups,
        agent_id=agent_id,
    )


NONE_AVOIDED: Mapping[str, str] = MappingProxyType({})
NOON = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
BEIJING = PhoneNumber("01055500001", "北京", "北京", "010", skill_group_ids=(SALES,))


class FakeKeeper:
    last_sweep = SweepReport()

    def __init__(self, inventory: Inventory | None) -> None:
        self.inventory = inventory
        self.newer: Inventory | None = None
        self.has_read = asyncio.Event()
        self.has_read.set()

    async def follow(self) -> None:
        self.inventory = self.newer or self.inventory


class FakeCcc:
    """Answers a pick with these callers, for the callee or another, or raises what it was given."""

    def __init__(
        self,
        *callers: str,
        error: Exception | None = None,
        hangs: bool = False,
        callee: str | None = None,
    ) -> None:
        self.callers, self.error, self.hangs, self.callee = callers, error, hangs, callee
        self.asked = 0

    async def pick_outbound_numbers(
        self,
        instance_id: str,
        called_number: str,
        skill_group_ids: Sequence[str],
        count: int = 1,
        *,
        wait: bool = True,
    ) -> tuple[NumberPair, ...]:
        assert not wait
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        told = called_number if self.callee is None else self.callee
        callee = CccNumber(told, "四川省", "成都市")
        return tuple(NumberPair(CccNumber(one, "北京", "北京"), callee) for one in self.callers)


class FakeLocalities:
    def __init__(self) -> None:
        self.noted: list[str] = []
        self.taught: list[tuple[str, str, str]] = []

    def note(self, prefix: str, called_number: str, instance_id: str) -> None:
        self.noted.append(prefix)

    def teach(self, prefix: str, province: str, city: str) -> None:
        self.taught.append((prefix, province, city))


class Bench:
    """A picker of one instance and what it is made of."""

    def __init__(
        self,
        *numbers: PhoneNumber,
        ccc: FakeCcc | None = None,
        ready: bool = True,
        avoid: Mapping[str, str] = NONE_AVOIDED,
    ) -> None:
        def terms_of(number: PhoneNumber) -> Terms:
            return Terms("", frozenset(filter(None, [avoid.get(number.number)])))

        self.inventory = Inventory("ccc-test", 1, numbers, terms_of)
        self.keeper = FakeKeeper(self.inventory if ready else None)
        self.ledger = LocalLedger(lambda: 0)
        self.ledger.replace(self.inventory)
        self.ccc = ccc or FakeCcc()
        self.localities = FakeLocalities()
        self.metrics = Metrics()
        self.days = Days(LocalCounts(DAYS + 1))
        self.demand = Demand(self.days, lambda: NOON)
        self.experiment = Experiment("ccc-test", LocalCounts(1), lambda: NOON, self.metrics)
        self.calls = CallCounter(LocalRows(), lambda: NOON, lambda: self.inventory)
        self.instances = {"ccc-test": self.instance()}
        self.picker = Picker(self.instances, LOCATOR, in_place_of(self.localities), self.metrics)

    def instance(self, fallback_seconds: float = 0.02) -> Instance:
        return Instance(
            "ccc-test",
            in_place_of(self.keeper),
            self.ledger,
            in_place_of(self.ccc),
            LEVELS,
            fallback_seconds,
            digests=Digests(b"", "ccc-test"),
            rules=Rules(),
            knows_callees=False,
            closed=lambda: None,
            now=lambda: 0,
            demand=self.demand,
            experiment=self.experiment,
            notes=LocalNotes(),
            calls=self.calls,
        )

    async def pick(self, called: str = CHENGDU_MOBILE, *groups: str, **fields: Any) -> list[str]:
        request = PickRequest(called, skill_group_ids=groups or (SALES,), **fields)
        answer = await self.picker.pick(request)
        return [f"{pair.caller.number} {pair.match}" for pair in answer.data]


async def picks_by(bench: Bench, by: By) -> dict[str, int]:
    rows = await bench.calls.read(NOON.date(), by)
    return {key: row.picks for key, row in rows.items()}


async def used_today(bench: Bench, *numbers: str) -> list[int]:
    return [standing.used_day for standing in await describe(bench.ledger, numbers)]


async def test_a_callee_is_shown_a_number_of_its_own_city() -> None:
    bench = Bench(BEIJING, chengdu(1, SALES))
    assert await bench.pick() == ["02855500001 city"]


async def test_several_numbers_come_best_first() -> None:
    bench = Bench(BEIJING, chengdu(1, SALES))
    assert await bench.pick(count=3) == ["02855500001 city", "01055500001 any"]


async def test_the_agents_own_number_comes_before_the_groups() -> None:
    bench = Bench(chengdu(1, SALES), chengdu(2, agent_id="agent01@ccc-test"))
    assert await bench.pick(agent_id="agent01@ccc-test", count=2) == [
        "02855500002 agent",
        "02855500001 city",
    ]


async def test_an_agents_number_is_never_shown_for_another() -> None:
    bench = Bench(chengdu(2, agent_id="agent01@ccc-test"))
    with pytest.raises(NoEligibleNumber):
        await bench.pick(agent_id="agent02@ccc-test")


async def test_min_match_is_the_lowest_level_that_will_do() -> None:
    bench = Bench(BEIJING)
    with pytest.raises(NoEligibleNumber):
        await bench.pick(min_match="province")
    assert await bench.pick(min_match="any") == ["01055500001 any"]


async def test_the_answer_names_the_callee_in_its_one_form_and_its_place() -> None:
    bench = Bench(chengdu(1, SALES))
    answer = await bench.picker.pick(PickRequest("+86 138-8000-1234", skill_group_ids=(SALES,)))
    assert answer.source == "memory"
    assert answer.data[0].callee.number == CHENGDU_MOBILE
    assert (answer.data[0].callee.province, answer.data[0].callee.city) == ("四川", "成都")


def test_what_decides_has_the_digest_that_earlier_releases_gave_it() -> None:
    fields = ("b", "a", "b"), "amy", 2, "city", ("VIP",), ("02855500001",)
    digest = Digests(b"secret", "ccc-test").body("13880001234", *fields)
    assert digest == "59d92941040bb8e7b7bdf864"


async def test_what_cannot_be_dialled_is_refused_before_anything_is_asked() -> None:
    bench = Bench(chengdu(1, SALES))
    with pytest.raises(InvalidCalledNumber):
        await bench.pick("120")
    assert bench.ccc.asked == 0


async def test_a_pick_names_groups_or_an_agent() -> None:
    bench = Bench(chengdu(1, SALES))
    with pytest.raises(InvalidField, match="skill_group_ids"):
        await bench.picker.pick(PickRequest(CHENGDU_MOBILE))


async def test_an_instance_that_is_not_configured_is_unknown() -> None:
    bench = Bench(chengdu(1, SALES))
    with pytest.raises(UnknownInstance):
        await bench.pick(instance_id="elsewhere")


async def test_where_several_are_configured_the_instance_must_be_named() -> None:
    bench = Bench(chengdu(1, SALES))
    instances = {"ccc-test": bench.instance(), "ccc-two": bench.instance()}
    picker = Picker(instances, LOCATOR, in_place_of(bench.localities), bench.metrics)
    with pytest.raises(InvalidField, match="instance_id"):
        await picker.pick(PickRequest(CHENGDU_MOBILE, skill_group_ids=(SALES,)))


async def test_a_refusal_counts_what_kept_each_number_out() -> None:
    bench = Bench(chengdu(1, SALES), chengdu(2, SALES, usage="Inbound"))
    with pytest.raises(NoEligibleNumber) as refused:
        await bench.pick(exclude=("02855500001",))
    assert refused.value.reasons == {"excluded": 1, "inbound_only": 1}
    rejected = bench.metrics.registry.get_sample_value(
        "callerid_candidates_rejected_total", {"instance": "ccc-test", "reason": "excluded"}
    )
    assert rejected == 1


NO_SUCH_GROUP = (
    " CCC lists no number of skill group 'salse@ccc-test': check the id, or bind numbers to it."
)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (
            {"skill_group_ids": ("salse@ccc-test",), "dry_run": True},
            NO_SUCH_GROUP,
        ),
        (
            {"skill_group_ids": ("salse@ccc-test",)},
            f"{NO_SUCH_GROUP} CCC's own pick was asked too, and gave none that may be shown.",
        ),
        (
            {"skill_group_ids": (SALES,), "min_match": "city"},
            " Its skill groups have numbers: check tags, min_match and selection.levels.",
        ),
        ({"agent_id": "agent09"}, " No number that fits belongs to agent 'agent09'."),
        ({"skill_group_ids": (SUPPORT,), "dry_run": True}, " now (inbound_only: 1)."),
    ],
)
async def test_a_refusal_without_candidates_says_what_of_the_request_is_the_reason(
    asked: dict[str, Any], why: str
) -> None:
    bench = Bench(BEIJING, chengdu(2, SUPPORT, usage="Inbound"))
    with pytest.raises(NoEligibleNumber) as refused:
        await bench.picker.pick(PickRequest(CHENGDU_MOBILE, **asked))
    stop = "" if why.startswith(" now") else "."
    assert refused.value.detail == f"No number can be shown to this callee{stop}{why}"


async def test_an_explanation_names_parked_candidates_down_to_where_the_pick_ended() -> None:
    province = PhoneNumber("08165550001", "四川", "绵阳", "0816", skill_group_ids=(SALES,))
    bench = Bench(chengdu(1, SALES), province, BEIJING)
    for number in ("02855500001", "01055500001"):
        await bench.ledger.apply(Park(number, "max_per_day", 3000))
        await bench.ledger.apply(Park(number, "operator", 2000))
    asked = PickRequest(CHENGDU_MOBILE, skill_group_ids=(SALES,), explain=True)
    answer = await bench.picker.pick(asked)
    until = datetime.fromtimestamp(3, UTC)
    parked = Candidate("02855500001", "city", 0, 0, 0, "max_per_day", until)
    assert answer.explanation == (Candidate("08165550001", "province", 0, 0, 0, ""), parked)
    with pytest.raises(NoEligibleNumber) as refused:
        await bench.picker.pick(replace(asked, exclude=("08165550001",)))
    reasons = [(candidate.number, candidate.reason) for candidate in refused.value.explanation]
    assert reasons == [
        ("08165550001", "excluded"),
        ("02855500001", "max_per_day"),
        ("01055500001", "max_per_day"),
    ]


async def test_a_number_that_is_kept_from_the_callees_place_is_never_shown_and_explained() -> None:
    bench = Bench(BEIJING, chengdu(1, SALES), avoid={"02855500001": "四川"})
    asked = PickRequest(CHENGDU_MOBILE, skill_group_ids=(SALES,), count=2, explain=True)
    answer = await bench.picker.pick(asked)
    assert [pair.caller.number for pair in answer.data] == ["01055500001"]
    assert answer.explanation is not None
    assert [(look.number, look.reason) for look in answer.explanation] == [
        ("01055500001", ""),
        ("02855500001", "region"),
    ]
    assert await bench.pick("01089898989", count=2) == ["01055500001 city", "02855500001 any"]


@pytest.mark.parametrize("ccc", [FakeCcc(), FakeCcc("02855500001")])
async def test_where_all_are_kept_from_the_callee_the_refusal_says_so_and_ccc_is_not_asked(
    ccc: FakeCcc,
) -> None:
    bench = Bench(chengdu(1, SALES), ccc=ccc, avoid={"02855500001": "028成都"})
    with pytest.raises(NoEligibleNumber) as refused:
        await bench.pick(explain=True)
    assert refused.value.reasons == {"region": 1}
    assert [look.number for look in refused.value.explanation] == ["02855500001"]
    assert bench.ccc.asked == 0


async def test_ccc_cannot_lend_a_number_to_a_callee_that_never_sees_it() -> None:
    ccc = FakeCcc("02855500001", "01055500001")
    bench = Bench(chengdu(1, SALES), BEIJING, ccc=ccc, avoid={"02855500001": "四川"})
    assert await bench.pick(CHENGDU_MOBILE, "new", count=2) == ["01055500001 ccc"]


async def test_an_unknown_prefix_is_noted_and_decided_at_level_any() -> None:
    bench = Bench(chengdu(1, SALES))
    assert await bench.pick("14000001234") == ["02855500001 any"]
    assert bench.localities.noted == ["1400000"]


async def test_a_number_that_the_snapshot_lacks_is_looked_for_once_more() -> None:
    bench = Bench(chengdu(1, SALES))
    newer = Inventory("ccc-test", 2, [chengdu(1, SALES), chengdu(2, SALES)])
    bench.keeper.newer = newer
    bench.ledger.replace(newer)
    assert await bench.pick(count=2) == ["02855500001 city", "02855500002 city"]


async def test_ccc_is_asked_for_a_group_without_any_number() -> None:
    bench = Bench(chengdu(1, SALES), ccc=FakeCcc("02855500001"))
    answer = await bench.picker.pick(PickRequest(CHENGDU_MOBILE, skill_group_ids=("new",)))
    assert answer.source == "ccc"
    assert [(pair.caller.number, pair.match) for pair in answer.data] == [("02855500001", "ccc")]


async def test_ccc_is_asked_while_there_is_no_inventory() -> None:
    bench = Bench(ccc=FakeCcc("01055500001"), ready=False)
    assert await bench.pick() == ["01055500001 ccc"]


async def test_a_stranger_that_ccc_picks_is_refused() -> None:
    bench = Bench(chengdu(1, SALES), ccc=FakeCcc("02955500001", "0285550****", "4008001234"))
    with pytest.raises(NoEligibleNumber):
        await bench.pick(CHENGDU_MOBILE, "new")


async def test_an_inventory_that_comes_while_ccc_is_asked_is_picked_from() -> None:
    class Late(FakeCcc):
        async def pick_outbound_numbers(self, *_: Any, **__: Any) -> tuple[NumberPair, ...]:
            bench.keeper.inventory = bench.inventory
            return ()

    bench = Bench(chengdu(1, SALES), ccc=Late(), ready=False)
    assert await bench.pick() == ["02855500001 city"]


@pytest.mark.parametrize(
    "number", [chengdu(9, SALES, usage="Inbound"), chengdu(9, agent_id="agent01@ccc-test")]
)
async def test_ccc_cannot_lend_a_number_that_may_not_call_for_a_group(number: PhoneNumber) -> None:
    bench = Bench(number, ccc=FakeCcc("02855500009"))
    with pytest.raises(NoEligibleNumber):
        await bench.pick(CHENGDU_MOBILE, "new")


async def test_what_ccc_picked_takes_its_turn() -> None:
    bench = Bench(chengdu(1, SALES), chengdu(2, SALES), ccc=FakeCcc("02855500001"))
    await bench.pick(CHENGDU_MOBILE, "new")
    assert await bench.pick() == ["02855500002 city"]


async def test_a_parked_number_is_not_shown_because_ccc_picked_it() -> None:
    bench = Bench(chengdu(1, SALES), ccc=FakeCcc("02855500001"))
    await bench.ledger.apply(Park("02855500001", "operator", 1000))
    with pytest.raises(NoEligibleNumber):
        await bench.pick(CHENGDU_MOBILE, "new")


async def test_numbers_that_are_all_parked_are_no_reason_to_ask_ccc() -> None:
    bench = Bench(chengdu(1, SALES), ccc=FakeCcc("02855500001"))
    await bench.ledger.apply(Park("02855500001", "operator", 1000))
    with pytest.raises(NoEligibleNumber) as refused:
        await bench.pick()
    assert refused.value.reasons == {"parked": 1}
    assert bench.ccc.asked == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"min_match": "city"},
        {"exclude": ("02855500001",)},
        {"agent_id": "agent01@ccc-test"},
        {"dry_run": True},
    ],
)
async def test_ccc_is_not_asked_what_it_cannot_filter(fields: dict[str, Any]) -> None:
    bench = Bench(chengdu(1, SUPPORT), ccc=FakeCcc("02855500001"))
    with pytest.raises(NoEligibleNumber):
        await bench.pick(CHENGDU_MOBILE, "new", **fields)
    assert bench.ccc.asked == 0


async def test_ccc_is_not_asked_where_that_is_not_wanted() -> None:
    bench = Bench(chengdu(1, SALES), ccc=FakeCcc("02855500001"))
    instances = {"ccc-test": bench.instance(fallback_seconds=0)}
    picker = Picker(instances, LOCATOR, in_place_of(bench.localities), bench.metrics)
    with pytest.raises(NoEligibleNumber):
        await picker.pick(PickRequest(CHENGDU_MOBILE, skill_group_ids=("new",)))
    assert bench.ccc.asked == 0


@pytest.mark.parametrize(
    "ccc",
    [FakeCcc(), FakeCcc(hangs=True), FakeCcc(error=CccThrottled("Throttling.Local", "no token"))],
)
async def test_a_ccc_of_no_help_is_a_refusal_in_good_time(ccc: FakeCcc) -> None:
    with pytest.raises(NoEligibleNumber):
        await Bench(chengdu(1, SALES), ccc=ccc).pick(CHENGDU_MOBILE, "new")
    with pytest.raises(InventoryUnavailable):
        await Bench(ccc=ccc, ready=False).pick()


async def test_the_callee_that_ccc_names_may_have_any_form() -> None:
    for called, told in (
        ("13880001234", "+86 138-8000-1234"),
        ("13880001234", "008613880001234"),
        ("13880001234", "013880001234"),
        ("02886001234", "2886001234"),
        ("02886001234", "862886001234"),
        ("+85221234567", "85221234567"),
        ("+85221234567", "0085221234567"),
    ):
        bench = Bench(chengdu(1, SALES), ccc=FakeCcc("02855500001", callee=told))
        assert await bench.pick(called, "new") == ["02855500001 ccc"]


@pytest.mark.parametrize("told", ["", "138****1234", "13880001235", "02886001234", "nobody"])
async def test_what_ccc_picked_for_another_callee_is_neither_shown_nor_learned_from(
    told: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(chengdu(1, SALES), ccc=FakeCcc("02855500001", callee=told))
    with pytest.raises(NoEligibleNumber):
        await bench.pick("14000001234", "new")
    assert bench.localities.taught == []
    assert await used_today(bench, "02855500001") == [0]
    (line,) = (record.getMessage() for record in caplog.records)
    assert "asked for 140****1234, it answered for" in line
    assert not re.search("[0-9]{7}", line)


async def test_a_number_that_ccc_picked_five_times_is_shown_once_and_spent_once() -> None:
    bench = Bench(chengdu(1, SALES), ccc=FakeCcc(*["02855500001"] * 5))
    assert await bench.pick(CHENGDU_MOBILE, "new", count=5) == ["02855500001 ccc"]
    assert await used_today(bench, "02855500001") == [1]


async def test_ccc_shows_no_more_numbers_than_were_asked_for() -> None:
    numbers = [chengdu(last, SALES) for last in range(1, 4)]
    bench = Bench(*numbers, ccc=FakeCcc(*(own.number for own in numbers)))
    shown = await bench.pick(CHENGDU_MOBILE, "new", count=2)
    assert shown == ["02855500001 ccc", "02855500002 ccc"]


async def test_asked_again_under_its_call_id_ccc_s_pick_is_the_same_and_counted_once() -> None:
    numbers = [chengdu(1, SALES), chengdu(2, SALES)]
    bench = Bench(*numbers, ccc=FakeCcc("02855500001", "02855500002"))
    for _ in range(2):
        shown = await bench.pick(CHENGDU_MOBILE, "new", count=2, call_id="call-1")
        assert shown == ["02855500001 ccc"]
    assert bench.ccc.asked == 1
    assert await used_today(bench, "02855500001", "02855500002") == [1, 0]


async def test_ccc_s_word_brings_back_no_answer_whose_number_has_left() -> None:
    bench = Bench(chengdu(1, "old"), chengdu(2, SALES), ccc=FakeCcc("02855500002"))
    assert await bench.pick(CHENGDU_MOBILE, "old", call_id="call-1") == ["02855500001 city"]
    bench.keeper.inventory = Inventory("ccc-test", 2, [chengdu(2, SALES)])
    bench.ledger.replace(bench.keeper.inventory)
    with pytest.raises(NoEligibleNumber):
        await bench.pick(CHENGDU_MOBILE, "old", call_id="call-1")


async def test_ccc_is_not_asked_before_the_cache_was_read() -> None:
    bench = Bench(ccc=FakeCcc("02855500001"), ready=False)
    bench.keeper.has_read.clear()
    with pytest.raises(InventoryUnavailable):
        await bench.pick()
    assert bench.ccc.asked == 0


async def test_ccc_teaches_where_an_unknown_prefix_belongs() -> None:
    bench = Bench(chengdu(1, SALES), ccc=FakeCcc("02855500001"))
    await bench.pick("14000001234", "new")
    assert bench.localities.taught == [("1400000", "四川省", "成都市")]


async def test_each_number_given_out_counts_once_for_the_reports() -> None:
    bench = Bench(BEIJING, chengdu(1, SALES), chengdu(2, agent_id="agent01@ccc-test"))
    await bench.pick(call_id="a")
    await bench.pick(call_id="a")
    await bench.pick(dry_run=True)
    await bench.pick(count=2)
    await bench.pick(agent_id="agent01@ccc-test")
    await bench.calls.write()
    picks = {by: await picks_by(bench, by) for by in get_args(By)}
    assert picks == {
        "number": {"02855500001": 2, "01055500001": 1, "02855500002": 1},
        "skill_group": {SALES: 3, "": 1},
        "province": {"四川": 4},
        "match": {"city": 2, "any": 1, "agent": 1},
    }


async def test_what_ccc_itself_picks_counts_under_ccc_alone() -> None:
    bench = Bench(chengdu(1, SALES), ccc=FakeCcc("02855500001"))
    await bench.pick(CHENGDU_MOBILE, "new")
    await bench.calls.write()
    assert await picks_by(bench, "number") == {"02855500001": 1}
    assert await picks_by(bench, "match") == {"ccc": 1}
    assert await picks_by(bench, "province") == {"": 1}


async def test_each_call_counts_once_with_the_demand_of_its_group_and_place() -> None:
    bench = Bench(BEIJING, chengdu(1, SALES), chengdu(2, agent_id="agent01@ccc-test"))
    await bench.pick(call_id="a")
    await bench.pick(call_id="a")
    await bench.pick(dry_run=True)
    await bench.pick(CHENGDU_MOBILE, SUPPORT, SALES)
    await bench.pick(agent_id="agent01@ccc-test")
    with pytest.raises(NoEligibleNumber):
        await bench.pick(exclude=("02855500001", "01055500001"))
    await bench.demand.flush()
    place = 12, "四川", "成都", "028"
    assert await bench.days.read(NOON.date()) == {
        Called(SALES, "city"): 2,
        Called(SALES, "refused"): 1,
        Called("", "agent"): 1,
        Called(SALES, "", *place): 3,
        Called("", "", *place): 1,
    }


HELD_OUT, LOCAL = "13880001234", "13880001238"  # of the experiment `spring` at a half


async def holding_out(*numbers: PhoneNumber) -> Bench:
    bench = Bench(*numbers)
    bench.experiment.go_by(ExperimentSettings("spring", 0.5), {"levels": LEVELS})
    await bench.experiment.look()
    return bench


async def arm_of_call(bench: Bench, called: str, **fields: Any) -> str:
    bench.ledger.rule(Rules(remembered=1000))
    await bench.pick(called, call_id="a call", **fields)
    call = Digests(b"", "ccc-test").call("a call")
    followed = bench.ledger.apply_now(Outcome(call, "", "", final=True))
    return read_mark(followed.uses[0][1]).arm[:1]


async def test_a_callee_held_out_gets_the_least_recently_used_number_from_anywhere() -> None:
    bench = await holding_out(BEIJING, chengdu(1, SALES))
    assert await bench.pick(HELD_OUT) == ["01055500001 any"]
    assert await bench.pick(HELD_OUT) == ["02855500001 any"]
    assert await bench.pick(LOCAL) == ["02855500001 city"]


async def test_a_use_bears_its_callees_arm() -> None:
    numbers = BEIJING, chengdu(1, SALES)
    assert await arm_of_call(await holding_out(*numbers), HELD_OUT) == "a"
    assert await arm_of_call(await holding_out(*numbers), LOCAL) == "l"
    assert await arm_of_call(Bench(*numbers), HELD_OUT) == ""


async def test_who_could_not_be_shown_a_local_number_is_in_no_arm() -> None:
    """Judged alike in both arms: an agent and a bound of the request are not put to the test."""
    numbers = BEIJING, chengdu(1, SALES), chengdu(2, agent_id="agent01@ccc-test")
    for called in (HELD_OUT, LOCAL):
        assert await arm_of_call(await holding_out(BEIJING), called) == ""
        assert await arm_of_call(await holding_out(*numbers), called, min_match="any") == ""
        agent = await holding_out(*numbers)
        assert await arm_of_call(agent, called, agent_id="agent01@ccc-test") == ""


async def test_an_explanation_names_the_arm() -> None:
    bench = await holding_out(BEIJING, chengdu(1, SALES))
    asked = PickRequest(HELD_OUT, skill_group_ids=(SALES,), explain=True)
    assert (await bench.picker.pick(asked)).arm == "any"
    assert (await bench.picker.pick(replace(asked, explain=False))).arm == ""
    assert (await bench.picker.pick(replace(asked, called_number=LOCAL))).arm == "local"


async def test_a_stopped_experiment_holds_nobody_out() -> None:
    bench = await holding_out(BEIJING, chengdu(1, SALES))
    bench.experiment.go_by(ExperimentSettings(), {"levels": LEVELS})
    assert await bench.pick(HELD_OUT) == ["02855500001 city"]
