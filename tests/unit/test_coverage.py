"""What to buy where, what is idle, and what runs out: by arithmetic, and against the optimum."""

from datetime import UTC, date, datetime, timedelta
from math import inf
from random import Random
from types import SimpleNamespace

import msgspec
import pytest

from service.cli.plan import CoverageShown
from service.cli.plan import planned as tables_of
from service.coverage import demand as counting
from service.coverage.demand import DAYS, Called, Days, Demand, group_of
from service.coverage.exhaustion import exhausting
from service.coverage.flow import Flow, Way
from service.coverage.market import Lot
from service.coverage.planning import CoveragePlan, Purchase, planning
from service.coverage.report import Coverage, History, averaging, coverage, history
from service.coverage.spare import SpareCities, spare_cities
from service.errors import InvalidField
from service.inventory import Inventory, PhoneNumber
from service.ledger.answers import Glance
from service.locality import Locality
from service.numbers.coverages import _reading as adding_up
from service.numbers.coverages import rows_of
from service.redis_.counts import LocalCounts
from service.tasks import at_once
from tests.fakes import in_place_of
from tests.lab.optimum import Optimum, worth_of
from tests.lab.places import problem
from tests.lab.spare import Order, Placement, local_share

CHENGDU = Locality("四川", "成都", "028")
MEISHAN = Locality("四川", "眉山", "028")
LESHAN = Locality("四川", "乐山", "0833")
BEIJING = Locality("北京", "北京", "010")
SHENZHEN = Locality("广东", "深圳", "0755")
NOON = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
A, B = "a@ccc-test", "b@ccc-test"


def planned(
    lots: list[Lot], demand: dict[tuple[str, Locality], float], buy: int = 0
) -> CoveragePlan:
    return at_once(planning(lots, demand, buy, 40))


def test_numbers_serve_their_own_city_then_their_code_their_province_and_anybody() -> None:
    flow = Flow()
    flow.way(CHENGDU).add_supply(100)
    for place, calls in ((CHENGDU, 30), (MEISHAN, 20), (LESHAN, 10), (BEIJING, 25)):
        flow.way(place).add_demand(calls)
    assert flow.served() == {"city": 30, "area_code": 20, "province": 10, "any": 25}
    assert flow.way(CHENGDU).idle_share() == pytest.approx(0.4)


def test_the_order_in_which_supply_and_demand_come_changes_nothing() -> None:
    steps = [
        (Way.add_supply, CHENGDU, 50.0),
        (Way.add_supply, LESHAN, 10.0),
        (Way.add_demand, CHENGDU, 20.0),
        (Way.add_demand, LESHAN, 35.0),
        (Way.add_demand, BEIJING, 40.0),
        (Way.add_supply, MEISHAN, 5.0),
    ]
    served = []
    for seed in range(20):
        flow = Flow()
        for add, place, calls in Random(seed).sample(steps, len(steps)):
            add(flow.way(place), calls)
        served.append(flow.served())
    assert served == [{"city": 30, "area_code": 0, "province": 25, "any": 10}] * 20


def test_a_number_is_bought_where_it_serves_most_and_says_instead_of_what() -> None:
    plan = planned([Lot(BEIJING, (A,), 40, 3)], {(A, CHENGDU): 60, (A, BEIJING): 30}, buy=1)
    assert plan.foretold == {"city": 30, "area_code": 0, "province": 0, "any": 60}
    assert plan.buy == (Purchase((A, CHENGDU), 1, 40, {"any": 40}),)


def test_numbers_that_nobody_needs_are_not_bought() -> None:
    plan = planned([], {(A, CHENGDU): 60}, buy=10)
    assert plan.buy == (Purchase((A, CHENGDU), 2, 60, {}),)


def test_a_shared_number_goes_to_the_group_that_misses_it() -> None:
    lots = [Lot(CHENGDU, (A, B), 40, 2), Lot(CHENGDU, (A,), 40, 1)]
    plan = planned(lots, {(A, CHENGDU): 40, (B, CHENGDU): 80})
    assert plan.supply == {(A, CHENGDU): 40, (B, CHENGDU): 80}
    assert plan.idle == {}


def test_numbers_without_callees_in_their_province_are_idle() -> None:
    lots = [Lot(CHENGDU, (A,), 40, 5), Lot(BEIJING, (A,), inf, 1)]
    plan = planned(lots, {(A, MEISHAN): 60, (A, BEIJING): 1000})
    assert plan.idle == {(A, CHENGDU): 3}  # two of them carry the 60
    assert plan.foretold == {"city": 1000, "area_code": 60, "province": 0, "any": 0}


def test_a_place_is_exhausted_in_the_hour_in_which_its_last_call_goes() -> None:
    hours = [0.0] * 9 + [10.0] * 10 + [0.0] * 5
    spent = at_once(exhausting({(A, CHENGDU): 35, (A, BEIJING): 100}, {(A, CHENGDU): hours}))
    assert spent == [((A, CHENGDU), 12)]


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_is_worth_nearly_as_much_as_the_best_there_is(seed: int) -> None:
    lots, demand = problem(Random(seed), cities=30, numbers=300, groups=3)
    plan = planned(lots, demand, buy=20)
    before, after = worth_of(plan, demand, 40)
    best = Optimum(lots, demand).worth()
    assert 0.995 * best <= before <= best * 1.0001
    gain = Optimum(lots, demand, 20, 40).worth(whole=True) - best
    assert after - before >= 0.98 * gain


async def test_demand_is_kept_by_day_and_hour_in_the_zone_of_the_instance() -> None:
    now, days = NOON, Days(LocalCounts(DAYS + 1))
    demand = Demand(days, lambda: now)
    demand.count(A, CHENGDU, "city")
    await demand.flush()
    now += timedelta(hours=12)
    demand.count(A, CHENGDU, "any")
    await demand.flush()
    first = {Called(A, "city"): 1, Called(A, "", 12, "四川", "成都", "028"): 1}
    second = {Called(A, "any"): 1, Called(A, "", 0, "四川", "成都", "028"): 1}
    assert await days.read(date(2026, 1, 2)) == first
    assert await days.read(date(2026, 1, 3)) == second


async def test_of_more_places_than_are_kept_the_greatest_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "MOST_PLACES", 1)
    days = Days(LocalCounts(DAYS + 1))
    demand = Demand(days, lambda: NOON)
    for place, calls in ((BEIJING, 1), (CHENGDU, 3), (LESHAN, 2)):
        for _ in range(calls):
            demand.count(A, place, "any")
    await demand.flush()
    assert await days.read(NOON.date()) == {
        Called(A, "any"): 6,
        Called(A, "", 12, "四川", "成都", "028"): 3,
        Called(A, "", 12): 3,
    }


async def test_days_that_are_too_old_are_forgotten() -> None:
    days = Days(LocalCounts(DAYS + 1))
    for back in range(20):
        await days.add(date(2026, 1, 20) - timedelta(days=back), {Called(A, "any"): 1})
    read = [await days.read(date(2026, 1, 20) - timedelta(days=back)) for back in range(20)]
    assert [bool(day) for day in read] == [True] * 15 + [False] * 5


async def test_history_is_the_averaging_the_days_that_are_known() -> None:
    days = Days(LocalCounts(DAYS + 1))
    called = Called(A, "", 9, "四川", "成都", "028")
    await days.add(date(2026, 1, 1), {called: 30, Called(A, "city"): 20, Called(A, "any"): 10})
    await days.add(date(2025, 12, 31), {called: 10, Called(A, "any"): 10})
    await days.add(date(2026, 1, 2), {called: 900})
    known = await history(Demand(days, lambda: NOON))
    assert known.days == 2
    assert known.hourly[A, CHENGDU][9] == 20
    assert sum(known.hourly[A, CHENGDU]) == 20
    assert known.local_share == pytest.approx(2 / 3)


async def test_a_first_day_is_planned_by_what_there_is_of_it() -> None:
    demand = Demand(Days(LocalCounts(DAYS + 1)), lambda: NOON)
    demand.count(A, CHENGDU, "city")
    known = await history(demand)
    assert (known.days, known.local_share) == (1, 1.0)


async def test_a_coverage_reads_caps_leaves_out_agents_numbers_and_names_hours() -> None:
    numbers = [
        PhoneNumber("02855500001", *("四川", "成都", "028"), skill_group_ids=(A,)),
        PhoneNumber("02855500002", *("四川", "成都", "028"), agent_id="amy@ccc-test"),
        PhoneNumber("01055500001", *("北京", "北京", "010"), skill_group_ids=(A,)),
        PhoneNumber("01055500002", *("北京", "北京", "010"), active=False, skill_group_ids=(A,)),
    ]
    hours = [0.0] * 24
    hours[9] = 25.0
    plan: Coverage = await coverage(
        Inventory("ccc-test", 1, numbers),
        lambda some: [Glance(0, 10) for _ in some],
        History({(A, CHENGDU): hours}, 3, 0.3),
        buy=1,
        tomorrow=datetime(2026, 1, 3, tzinfo=UTC),
    )
    assert plan.foretold == {"city": 10, "area_code": 0, "province": 0, "any": 10}
    assert [(row.city, row.count, row.gain, row.instead) for row in plan.buy] == [
        ("成都", 1, 10.0, {"any": 5.0})
    ]
    assert [(row.city, row.count) for row in plan.idle] == [("北京", 1)]
    assert {(row.city, row.at.hour) for row in plan.exhausted} == {("成都", 9), ("北京", 9)}
    assert plan.ratio == pytest.approx(0.75)


async def test_groups_of_the_demand_without_numbers_are_named() -> None:
    plan: Coverage = await coverage(
        Inventory("ccc-test", 1, [PhoneNumber("02855500001", skill_group_ids=(A,))]),
        lambda some: [Glance(0, 10) for _ in some],
        History({(A, CHENGDU): [1.0] * 24, (B, CHENGDU): [1.0] * 24}, 1, None),
        buy=0,
        tomorrow=NOON,
    )
    assert plan.unknown_groups == (B,)
    shown = msgspec.convert(msgspec.to_builtins(plan), CoverageShown)
    assert f"groups, new, gone or mistyped: {B}.\n" in tables_of(shown)


def test_the_first_wrong_lines_of_a_file_are_told_together() -> None:
    cities = in_place_of(SimpleNamespace(city={"成都": CHENGDU}.get))
    wrong = f"{A},nowhere,9,40\n{A},成都,24,40\n" * 4
    with pytest.raises(InvalidField) as refused:
        at_once(
            adding_up(rows_of(f"skill_group_id,city,hour,calls\n{A},成都,9,1\n{wrong}"), cities)
        )
    told = [line for line in range(2, 12) if f"line {line}: " in refused.value.detail]
    assert told == [3, 4, 5, 6, 7]
    assert refused.value.detail.endswith("; and 3 more like these")


def test_a_call_of_several_groups_is_the_first_ones_that_holds_the_number() -> None:
    assert group_of((B, A), (A, B)) == A
    assert group_of((B, A), (B,)) == B
    assert group_of((B, A), ()) == A
    assert group_of((), (A,)) == ""


def test_a_mean_leaves_out_what_is_no_groups() -> None:
    day = {Called("", "", 9, "四川", "成都", "028"): 4, Called(A, "city"): 4}
    assert at_once(averaging([day])) == {}


def test_cities_to_spare_are_those_whose_province_needs_them_least() -> None:
    left = {(A, CHENGDU): 100, (A, LESHAN): 40, (A, BEIJING): 50, (B, CHENGDU): 100}
    expected = {(A, MEISHAN): 40, (A, LESHAN): 30, (A, SHENZHEN): 60, (B, BEIJING): 500}
    spare = at_once(spare_cities(left, expected, 8))
    assert spare == {A: (("city", "028成都"), ("city", "010北京"), ("city", "0833乐山"))}


def test_nothing_is_to_spare_where_strangers_will_need_it_all() -> None:
    left = {(A, CHENGDU): 100}
    assert at_once(spare_cities(left, {(A, BEIJING): 100}, 8)) == {A: (("city", "028成都"),)}
    assert at_once(spare_cities(left, {(A, BEIJING): 101}, 8)) == {}
    assert at_once(spare_cities(left, {(A, BEIJING): -5}, 8)) == {A: (("city", "028成都"),)}


async def test_a_look_goes_by_what_is_left_of_the_day() -> None:
    days, now = Days(LocalCounts(DAYS + 1)), NOON
    usual = Called(A, "", 9, "四川", "成都", "028")
    await days.add(date(2026, 1, 1), {usual: 30})
    demand = Demand(days, lambda: now)
    numbers = [
        PhoneNumber(f"0285550000{at}", *("四川", "成都", "028"), skill_group_ids=(A,))
        for at in range(3)
    ]
    inventory = Inventory("ccc-test", 1, numbers)
    spare = SpareCities(demand, lambda: inventory, lambda some: [Glance(0, 10) for _ in some])
    await spare.look()
    assert spare.of((A,)) == ()  # nobody wants to know
    spare.show(8)
    await spare.look()
    assert spare.of((A,)) == ()  # 30 of 30 are to come
    for _ in range(5):
        demand.count(A, CHENGDU, "city")
    await spare.look()
    assert spare.of((B, A)) == ((A, ("city", "028成都")),)


def test_a_pick_of_many_groups_looks_at_no_more_cities_than_one_of_a_single_group() -> None:
    spare = SpareCities(
        Demand(Days(LocalCounts(DAYS + 1)), lambda: NOON), lambda: None, lambda _: []
    )
    spare.show(3)
    spare.now = {A: (("city", "1"), ("city", "2"), ("city", "3")), B: (("city", "4"),)}
    assert spare.of((B, A, A)) == ((A, ("city", "1")), (B, ("city", "4")), (A, ("city", "2")))


@pytest.mark.no_cover  # thousands of steps
@pytest.mark.parametrize(
    ("placement", "order", "least"),
    [("half in one city", "by province", 0.02), ("even", "mixed", -0.005)],
)
def test_showing_spare_numbers_first_leaves_more_local_ones(
    placement: Placement, order: Order, least: float
) -> None:
    before, _ = local_share(1, placement, order, first=0, load=0.8)
    after, _ = local_share(1, placement, order, first=8, load=0.8)
    assert after - before >= least
