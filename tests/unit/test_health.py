"""From what was counted to quarantine, probation and back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.health import rules as health
from service.health.pools import Dispersion
from service.health.rates import Comparison, Tally
from service.health.rules import (
    DAY,
    HEALTHY,
    HOUR,
    PROBATION,
    QUARANTINED,
    HealthRecord,
    Transition,
    aged,
    answered_of,
    daily_cap,
    due_hours,
    judge,
)
from service.health.strata import Calls, Strata
from service.logs import mask_text

NOON = 480_000 * HOUR  # a band begins
THIS_HOUR = NOON // HOUR


def usual_calls() -> Strata:
    """A pool that is answered 38 % all day, every day."""
    calls = Calls()
    for hour in range(24):
        calls.add_stratum("g", "SC", hour // 4, (95_000, 250_000))
        calls.add_hour("g", hour, (95_000, 250_000))
    return Strata(THIS_HOUR // 24, calls, calls, calls)


USUAL = usual_calls()


def called(answered: int, attempts: int, ago: int = 1) -> Tally:
    return Tally(THIS_HOUR - ago, answered, attempts, "g", "SC")


def settled(record: HealthRecord, *tallies: Tally, now: int = NOON) -> HealthRecord:
    """A record after the hours of these tallies, none of them judged yet."""
    record = msgspec.structs.replace(record, tallies=(*record.tallies, *tallies))
    return aged(record, due_hours(record, USUAL, now), Dispersion(), now)


def scored(
    score: float, hours: int = 3, state: str = HEALTHY, calls: Comparison | None = None
) -> HealthRecord:
    return HealthRecord(
        state=state,
        score=score,
        hours=hours,
        settled=calls or Comparison(12, 80, 29.4, 18.4, 11.2),
    )


def moved(record: HealthRecord, now: int = NOON) -> tuple[HealthRecord, Transition]:
    after, transition = judge(record, now)
    assert transition is not None
    return after, transition


def test_a_number_far_below_what_is_expected_is_quarantined_and_told_why() -> None:
    record = settled(HealthRecord(), *(called(2, 20, ago) for ago in range(1, 5)))
    after, transition = moved(record)
    assert (after.state, after.until, after.untold) == (QUARANTINED, NOON + 7 * DAY, True)
    assert after.tallies == ()
    assert (transition.before, transition.after) == (HEALTHY, QUARANTINED)
    assert transition.reason == "answered 8 of 80 calls, 30 expected of calls like these"
    assert after.reason == f"quarantined: {transition.reason}"
    assert mask_text(after.reason) == after.reason


@pytest.mark.parametrize(("score", "hours"), [(10.9, 9), (14.0, 2), (0.0, 0)])
def test_a_number_stays_below_the_score_and_on_the_evidence_of_two_hours(
    score: float, hours: int
) -> None:
    record = scored(score, hours)
    assert judge(record, NOON) == (record, None)


def test_one_hour_alone_moves_no_score_by_more_than_three() -> None:
    assert settled(HealthRecord(), called(0, 900)).score == 3
    assert settled(scored(8.0), called(900, 900)).score == 5


def test_a_good_hour_takes_the_score_down_to_nothing_and_the_evidence_with_it() -> None:
    record = settled(scored(2.0), called(9, 10))
    assert record.score == 0
    later = settled(record, called(1, 10, 0), now=NOON + HOUR)
    assert (later.settled.attempts, later.hours) == (10, 1)


def test_a_score_does_not_pile_up_while_nobody_may_go() -> None:
    assert settled(scored(13.0), called(0, 100)).score == 14


def test_a_pool_in_which_chance_is_not_all_says_less() -> None:
    record = HealthRecord(tallies=(called(0, 10),))
    due = due_hours(record, USUAL, NOON)
    dispersion = Dispersion()
    for _ in range(200):
        dispersion.add(due[0])
    assert aged(record, due, dispersion, NOON).score < aged(record, due, Dispersion(), NOON).score


def test_an_hour_is_settled_once_and_when_it_is_over() -> None:
    record = settled(HealthRecord(), called(0, 10), called(0, 10, 0))
    assert (record.settled_hour, record.settled.attempts) == (THIS_HOUR - 1, 10)
    assert record.tallies == (called(0, 10, 0),)
    assert settled(record) == record
    later = settled(record, called(0, 5), now=NOON + HOUR)  # five calls were told of too late
    assert (later.settled_hour, later.settled.attempts) == (THIS_HOUR, 20)


def test_its_own_calls_of_a_band_stay_until_the_band_is_over() -> None:
    record = settled(HealthRecord(), called(4, 10, 0), now=NOON + HOUR)
    assert record.tallies == (called(4, 10, 0),)
    assert settled(record, now=NOON + 4 * HOUR).tallies == ()


def test_a_quarantine_ends_when_it_is_over_and_not_before() -> None:
    quarantined, _ = moved(scored(11.0))
    assert judge(quarantined, quarantined.until - 1) == (quarantined, None)
    late = settled(quarantined, called(0, 5))  # outcomes of calls from before
    assert (late.score, late.settled.attempts) == (0, 0)
    after, transition = moved(late, quarantined.until)
    assert (after.state, after.stage, after.tallies) == (PROBATION, 0, ())
    assert transition.after == "probation_1"


def test_a_good_number_goes_from_stage_to_stage_and_back_to_full() -> None:
    record, seen = HealthRecord(state=PROBATION, relapses=2), []
    for attempts in (19, 20, 59, 60, 119, 120):
        good = Comparison(0.38 * attempts, attempts, 0.38 * attempts, 9.0, -0.05 * attempts)
        record, _ = judge(msgspec.structs.replace(record, settled=good), NOON)
        seen.append((record.state, daily_cap(record)))
    assert seen == [
        (PROBATION, 10),
        (PROBATION, 20),
        (PROBATION, 20),
        (PROBATION, 30),
        (PROBATION, 30),
        (HEALTHY, 0),
    ]
    assert (record.stage, record.relapses, record.score, record.settled) == (0, 0, 0, Comparison())


def test_a_probation_remembers_all_its_calls() -> None:
    record = settled(HealthRecord(state=PROBATION), called(4, 5, 2), called(4, 5))
    assert (record.score, record.settled.attempts) == (0, 10)


def test_a_number_still_bad_on_probation_goes_back_on_less_and_for_longer() -> None:
    record, days = HealthRecord(state=PROBATION), []
    for _ in range(3):
        bad = msgspec.structs.replace(record, score=6.0, hours=3, settled=Comparison(1, 30, 11.4))
        after, transition = moved(bad)
        assert transition.reason == "answered 1 of 30 calls, 11 expected of calls like these"
        days.append((after.until - NOON) // DAY)
        record = HealthRecord(state=PROBATION, relapses=after.relapses)
    assert days == [14, 28, 28]


def test_a_number_in_doubt_stays_at_its_stage() -> None:
    record = scored(5.9, state=PROBATION, calls=Comparison(4, 22, 8.4, 5.2, 0.3))
    assert judge(record, NOON) == (record, None)


def test_a_quarantined_number_has_the_cap_of_its_return_already() -> None:
    assert daily_cap(moved(scored(11.0))[0]) == 10


def test_a_number_that_was_silent_for_a_week_starts_anew() -> None:
    record = msgspec.structs.replace(scored(9.0), settled_hour=THIS_HOUR - 168)
    assert settled(record) == record
    assert settled(record, now=NOON + HOUR) == HealthRecord()


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


# What a release before strata has stored: no stratum in a tally, no score, a fading sum.
BEFORE = [
    ([[THIS_HOUR - 1, 2, 9]], "quarantined", 0, 2, NOON + DAY, [0, 0, 0, 0], 0, "quarantined: bad"),
    ([[THIS_HOUR - 1, 2, 9]], "probation", 1, 1, 0, [10.5, 31.0, 11.8, 7.3], THIS_HOUR - 2, "p"),
    ([[THIS_HOUR - 1, 2, 9]], "healthy", 0, 0, 0, [40.0, 150.0, 57.0, 0.4], THIS_HOUR - 2, ""),
]


@pytest.mark.parametrize("stored", BEFORE, ids=["quarantined", "probation", "healthy"])
def test_the_state_of_before_strata_is_taken_over(stored: tuple[object, ...]) -> None:
    packed = msgspec.msgpack.encode([*stored, False])
    record = msgspec.msgpack.decode(packed, type=HealthRecord)
    after = settled(record)
    assert judge(after, NOON) == (after, None)
    assert (after.state, after.stage, after.relapses, after.until) == tuple(stored[1:5])
    assert (after.reason, after.score, after.tallies) == (stored[7], 0, ())
    assert after.settled.attempts == stored[5][1]  # type: ignore[index]


def test_a_probation_of_before_strata_goes_on_where_it_was() -> None:
    packed = msgspec.msgpack.encode([*BEFORE[1], False])
    record = settled(msgspec.msgpack.decode(packed, type=HealthRecord), called(12, 30))
    assert moved(record)[1].after == "probation_3"


records = st.builds(
    HealthRecord,
    state=st.sampled_from([HEALTHY, PROBATION, QUARANTINED]),
    stage=st.integers(0, len(health.STAGES) - 1),
    relapses=st.integers(0, 9),
    until=st.sampled_from([NOON - DAY, NOON, NOON + 1]),
    score=st.floats(0, 14),
    hours=st.integers(0, 9),
    settled=st.builds(Comparison, answered=st.just(9), attempts=st.integers(9, 200)),
)


@given(before=records, answered=st.integers(0, 300), others=st.integers(0, 300))
def test_whatever_was_counted_a_judgement_is_whole(
    before: HealthRecord, answered: int, others: int
) -> None:
    record = settled(before, called(answered, answered + others))
    after, transition = judge(record, NOON)
    assert (transition is None) == (after is record)
    assert transition is None or (after.untold and after.reason.startswith(transition.after))
    assert daily_cap(after) in {0, 10, 20, 30}
    assert after.state != QUARANTINED or transition is None or after.until > NOON
    encoded = msgspec.msgpack.encode(after)
    assert msgspec.msgpack.decode(encoded, type=HealthRecord) == after


def test_the_figures_agree_with_each_other() -> None:
    assert [cap for cap, _ in health.STAGES] == sorted(cap for cap, _ in health.STAGES)
    assert health.RELAPSE_SCORE < health.QUARANTINE_SCORE < health.MOST_SCORE
