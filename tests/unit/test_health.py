"""From what was counted to quarantine, probation and back."""

from collections.abc import Iterator
from itertools import accumulate
from math import comb
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.health import rules as health
from service.health.rates import Comparison, Pool, Tally
from service.health.rules import (
    DAY,
    HEALTHY,
    HOUR,
    PROBATION,
    QUARANTINED,
    HealthRecord,
    Pools,
    Transition,
    aged,
    answered_of,
    daily_cap,
    judge,
)
from service.logs import mask_text

NOW = 500_000 * HOUR
THIS_HOUR = NOW // HOUR
GOOD_POOL = {THIS_HOUR: (380_000, 1_000_000)}


def with_calls(record: HealthRecord, answered: int, attempts: int) -> HealthRecord:
    return msgspec.structs.replace(record, tallies=(Tally(THIS_HOUR, answered, attempts),))


def moved(
    record: HealthRecord, pool: Pool = GOOD_POOL, now: int = NOW
) -> tuple[HealthRecord, Transition]:
    after, transition = judge(record, pool, now)
    assert transition is not None
    return after, transition


def test_a_number_far_below_its_pool_is_quarantined_and_told_why() -> None:
    after, transition = moved(with_calls(HealthRecord(), 20, 150))
    assert (after.state, after.until, after.untold) == (QUARANTINED, NOW + 7 * DAY, True)
    assert after.tallies == ()
    assert (transition.before, transition.after) == (HEALTHY, QUARANTINED)
    assert transition.reason == (
        "answered 20 of 150 calls (13.3%), its pool 38.0% in the same hours; "
        "clearly worse with probability 1.0000"
    )
    assert after.reason == f"quarantined: {transition.reason}"
    assert mask_text(after.reason) == after.reason


@pytest.mark.parametrize(("answered", "attempts"), [(0, 29), (38, 100), (31, 100), (6, 30), (0, 0)])
def test_a_number_near_its_pool_or_with_few_calls_stays(answered: int, attempts: int) -> None:
    record = with_calls(HealthRecord(), answered, attempts)
    assert judge(record, GOOD_POOL, NOW) == (record, None)


def test_a_pool_that_falls_as_a_whole_quarantines_nobody() -> None:
    record = with_calls(HealthRecord(), 14, 100)
    assert judge(record, {THIS_HOUR: (140, 1000)}, NOW) == (record, None)


def test_a_number_without_peers_is_never_judged() -> None:
    record = with_calls(HealthRecord(), 0, 500)
    assert judge(record, {THIS_HOUR: (0, 500)}, NOW) == (record, None)


def test_a_quarantine_ends_when_it_is_over_and_not_before() -> None:
    quarantined, _ = moved(with_calls(HealthRecord(), 0, 100))
    assert judge(quarantined, GOOD_POOL, quarantined.until - 1) == (quarantined, None)
    late = with_calls(quarantined, 0, 5)  # outcomes of calls from before
    after, transition = moved(late, now=quarantined.until)
    assert (after.state, after.stage, after.tallies) == (PROBATION, 0, ())
    assert transition.after == "probation_1"


def test_a_good_number_goes_from_stage_to_stage_and_back_to_full() -> None:
    record, seen = HealthRecord(state=PROBATION, relapses=2), []
    for attempts in (19, 20, 59, 60, 119, 120):
        record, _ = judge(with_calls(record, attempts * 38 // 100, attempts), GOOD_POOL, NOW)
        seen.append((record.state, daily_cap(record)))
    assert seen == [
        (PROBATION, 10),
        (PROBATION, 20),
        (PROBATION, 20),
        (PROBATION, 30),
        (PROBATION, 30),
        (HEALTHY, 0),
    ]
    assert (record.stage, record.relapses) == (0, 0)


def test_a_number_still_bad_on_probation_goes_back_for_longer() -> None:
    record, days = HealthRecord(state=PROBATION), []
    for _ in range(3):
        after, _ = moved(with_calls(record, 0, 20))
        days.append((after.until - NOW) // DAY)
        record = HealthRecord(state=PROBATION, relapses=after.relapses)
    assert days == [14, 28, 28]


def test_a_number_in_doubt_stays_at_its_stage() -> None:
    record = with_calls(HealthRecord(state=PROBATION), 5, 22)
    assert judge(record, GOOD_POOL, NOW) == (record, None)


def test_a_quarantined_number_has_the_cap_of_its_return_already() -> None:
    assert daily_cap(moved(with_calls(HealthRecord(), 0, 100))[0]) == 10


def test_hours_that_are_over_are_settled_with_the_pool_of_their_time() -> None:
    old = THIS_HOUR - 3
    record = HealthRecord(tallies=(Tally(old, 5, 20), Tally(THIS_HOUR, 1, 2)))
    after = aged(record, {old: (5 + 40, 20 + 100)}, NOW)
    assert after.tallies == (Tally(THIS_HOUR, 1, 2),)
    assert (after.settled.answered, after.settled.attempts) == (5, 20)
    assert after.settled.expected == pytest.approx(8)
    assert after.settled_hour == old
    assert aged(after, {}, NOW) is after


def test_a_long_past_fades_to_a_bounded_number_of_calls() -> None:
    record = HealthRecord(tallies=(Tally(THIS_HOUR - 3, 380, 1000),))
    assert aged(record, {THIS_HOUR - 3: (1380, 3000)}, NOW).settled.attempts == 150


def test_a_number_that_was_silent_for_a_week_starts_anew() -> None:
    record = HealthRecord(settled=Comparison(5, 20, 8.0, 1.0), settled_hour=THIS_HOUR - 168)
    assert aged(record, {}, NOW) is record
    assert aged(record, {}, NOW + HOUR) == HealthRecord()


@pytest.mark.parametrize(
    ("result", "counts"),
    [
        ("answered", 1),
        ("no_answer", 0),
        ("rejected", 0),
        ("blocked", 0),
        ("busy", None),
        ("failed", None),
        ("ringing", None),
        ("in_call", None),
    ],
)
def test_only_what_depends_on_the_number_shown_counts(result: str, counts: int | None) -> None:
    assert answered_of(result) == counts


def test_a_number_of_several_groups_belongs_to_the_largest() -> None:
    pools = Pools()
    pools.add(HealthRecord(tallies=(Tally(1, 1, 10),)), ("sales", "debts"))
    pools.add(HealthRecord(tallies=(Tally(1, 5, 10),)), ("sales",))
    pools.add(HealthRecord(tallies=(Tally(1, 0, 10),)), ("debts",))
    pools.add(HealthRecord(tallies=(Tally(1, 4, 10),)), ("sales",))
    assert pools.of(("debts", "sales")) == {1: (10, 30)}
    assert pools.of(("debts",)) == {1: (1, 20)}
    assert pools.of(()) == {}


def test_no_more_than_a_fifth_of_a_pool_is_in_quarantine_and_always_one() -> None:
    pools = Pools()
    for _ in range(13):
        pools.add(HealthRecord(), ("sales",))
    pools.add(HealthRecord(state=QUARANTINED), ("sales",))
    pools.add(HealthRecord(), ())
    assert [pools.spare(("sales",)), pools.spare(("sales",))] == [True, False]
    assert [pools.spare(()), pools.spare(())] == [True, False]


records = st.one_of(
    st.just(HealthRecord()),
    st.builds(
        HealthRecord,
        state=st.just(PROBATION),
        stage=st.integers(0, len(health.STAGES) - 1),
        relapses=st.integers(0, 9),
    ),
    st.builds(
        HealthRecord,
        state=st.just(QUARANTINED),
        relapses=st.integers(0, 9),
        until=st.sampled_from([NOW - DAY, NOW, NOW + 1]),
    ),
)


@given(before=records, answered=st.integers(0, 300), others=st.integers(0, 300))
def test_whatever_was_counted_a_judgement_is_whole(
    before: HealthRecord, answered: int, others: int
) -> None:
    record = with_calls(before, answered, answered + others)
    after, transition = judge(record, GOOD_POOL, NOW)
    assert (transition is None) == (after is record)
    assert transition is None or (after.untold and after.reason.startswith(transition.after))
    assert daily_cap(after) in {0, 10, 20, 30}
    assert after.state != QUARANTINED or after.until > NOW
    encoded = msgspec.msgpack.encode(after)
    assert msgspec.msgpack.decode(encoded, type=HealthRecord) == after


# How well it tells the bad from the good: 20 calls an hour, five hours a day.

CALLS, HOURS_A_DAY = 20, 5
RATES = (0.25, 0.38, 0.30, 0.18, 0.42)


def answers(rate: float, numbers: int, randomness: Random) -> list[int]:
    chances = [comb(CALLS, k) * rate**k * (1 - rate) ** (CALLS - k) for k in range(CALLS + 1)]
    return randomness.choices(range(CALLS + 1), cum_weights=list(accumulate(chances)), k=numbers)


def days(first: int, count: int) -> Iterator[tuple[int, float]]:
    for day in range(first, first + count):
        for hour, rate in enumerate(RATES):
            yield THIS_HOUR + day * 24 + hour, rate


def called(record: HealthRecord, hour: int, answered: int, pool: Pool) -> HealthRecord:
    tallies = (*record.tallies, Tally(hour, answered, CALLS))
    now = hour * HOUR + HOUR - 1
    return judge(aged(msgspec.structs.replace(record, tallies=tallies), pool, now), pool, now)[0]


def test_of_a_thousand_good_numbers_in_a_month_one_at_most_is_quarantined() -> None:
    randomness = Random(7)
    records = [HealthRecord()] * 1000
    pool: dict[int, tuple[int, int]] = {}
    for hour, rate in days(0, 30):
        each = answers(rate, len(records), randomness)
        pool[hour] = (sum(each), CALLS * len(records))
        records = [
            called(one, hour, answered, pool) for one, answered in zip(records, each, strict=True)
        ]
    assert sum(one.state == QUARANTINED for one in records) <= 1


def calls_until_quarantine(seed: int) -> int:
    """After two days like its 49 peers at 38 %, a number is answered at 14 %."""
    randomness, pool, record = Random(seed), dict[int, tuple[int, int]](), HealthRecord()
    for hour, _ in days(0, 2):
        mine = answers(0.38, 1, randomness)[0]
        pool[hour] = (mine + sum(answers(0.38, 49, randomness)), 50 * CALLS)
        record = called(record, hour, mine, pool)
    for done, (hour, _) in enumerate(days(2, 30), 1):
        mine = answers(0.14, 1, randomness)[0]
        pool[hour] = (mine + sum(answers(0.38, 49, randomness)), 50 * CALLS)
        record = called(record, hour, mine, pool)
        if record.state == QUARANTINED:
            return done * CALLS
    raise AssertionError("a number at a third of its pool's rate was never quarantined")


def test_a_number_that_falls_from_38_to_14_percent_is_quarantined_within_some_hundred_calls() -> (
    None
):
    needed = sorted(calls_until_quarantine(seed) for seed in range(50))
    assert needed[25] <= 280
    assert needed[-1] <= 600


def test_the_figures_agree_with_each_other() -> None:
    assert health.STAGES[-1][1] <= health.MEMORY_CALLS
    assert [cap for cap, _ in health.STAGES] == sorted(cap for cap, _ in health.STAGES)
