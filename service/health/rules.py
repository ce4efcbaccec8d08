"""Judge a number that is answered less than calls like its own: quarantine, probation, and back.

Pure: from what was counted and the instant to the next state, with the reason in words. Counting,
storing and telling the ledger is done elsewhere. The figures are ours and not the field's: what
is said there of cool-offs and ramps is folklore, so they stand here in one place, to be changed.

The score of a number is a cumulative sum (Page 1954): each hour that is over adds its evidence, and
below 0 it begins anew. `tests/lab` measures what the figures make of it.
"""

from collections.abc import Sequence

import msgspec

from service.health.pools import ComparedHour, Dispersion
from service.health.rates import Comparison, Tally, evidence_of_hour
from service.health.strata import BAND_HOURS, Strata

HEALTHY = "healthy"
QUARANTINED = "quarantined"
PROBATION = "probation"

HOUR = 3_600_000
DAY = 24 * HOUR

# The evidence that ends full health, and that ends a probation: who was caught once is caught again
# on less. It has to come from several hours, and beyond the first it does not pile up.
QUARANTINE_SCORE = 11.0
RELAPSE_SCORE = 6.0
MOST_SCORE = 14.0
FEWEST_HOURS = 3
# What is known of a number that makes no calls is forgotten after a week.
MEMORY_HOURS = 7 * 24
# Calls a day, and after how many calls of the whole probation more may be allowed.
STAGES = ((10, 20), (20, 60), (30, 120))
# A label put on a number by others wears off in a week or so; after each relapse it takes longer.
QUARANTINE_DAYS = (7, 14, 28)

# What says how the callee took to the number. Busy is the callee's line, failed the network's
# doing, and neither depends on what was shown.
_SPEAKING = {"answered": 1, "no_answer": 0, "rejected": 0, "blocked": 0}


class HealthRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that is known of one number's health.

    It travels as an array whose first element is the tallies, which the Lua adds to: new fields
    go to the end, with a default. `until` ends a quarantine, in ms since 1970. `score` is the
    evidence against the number from all hours to `settled_hour`; `settled` has the calls behind it,
    from `hours` hours; of a probation all its calls. `untold` while the ledger was not told of the
    state.
    """

    tallies: tuple[Tally, ...] = ()
    state: str = HEALTHY
    stage: int = 0
    relapses: int = 0
    until: int = 0
    settled: Comparison = Comparison()
    settled_hour: int = 0
    reason: str = ""
    untold: bool = False
    score: float = 0.0
    hours: int = 0


class Transition(msgspec.Struct, frozen=True, gc=False):
    """A change of state, or of the stage of a probation, and why."""

    before: str
    after: str
    reason: str


def answered_of(result: str) -> int | None:
    """Return an outcome's part in the calls answered; None where it says nothing of health."""
    return _SPEAKING.get(result)


def daily_cap(record: HealthRecord) -> int:
    """Return a state's cap of calls a day, 0 for no cap of its own.

    A quarantined number has the cap of its return already, so it never returns without one.
    """
    return 0 if record.state == HEALTHY else STAGES[record.stage][0]


def due_hours(record: HealthRecord, strata: Strata, now: int) -> list[ComparedHour]:
    """Compare each hour that is over and not settled, in their order.

    Args:
        record: of one number.
        strata: the calls with which its calls are compared.
        now: the instant in ms since 1970.
    """
    over = [one for one in record.tallies if one.hour < now // HOUR]
    due = []
    for hour in sorted({one.hour for one in over if one.hour > record.settled_hour}):
        groups = frozenset(one.group for one in over if one.hour == hour)
        due.append(ComparedHour(hour, groups, strata.compare(hour, over)))
    return due


def aged(
    record: HealthRecord, due: Sequence[ComparedHour], dispersion: Dispersion, now: int
) -> HealthRecord:
    """The record with the hours settled that are over, and without what is too old.

    Args:
        record: of one number.
        due: the hours to settle.
        dispersion: of the same hours, over all numbers.
        now: the instant in ms since 1970.
    """
    for compared in due:
        record = _settled(record, compared, dispersion.at(compared))
    hour = now // HOUR
    # Its own calls are needed until their band is over.
    kept = tuple(
        one
        for one in record.tallies
        if one.hour > record.settled_hour or one.hour // BAND_HOURS == hour // BAND_HOURS
    )
    if len(kept) < len(record.tallies):
        record = msgspec.structs.replace(record, tallies=kept)
    if record.settled_hour and record.settled_hour < hour - MEMORY_HOURS:
        return msgspec.structs.replace(
            record, settled=Comparison(), settled_hour=0, score=0.0, hours=0
        )
    return record


def _settled(record: HealthRecord, due: ComparedHour, dispersion: float) -> HealthRecord:
    """Add an hour; at a score of 0 the evidence of before is forgotten, but not a probation's."""
    if not due.calls.attempts or record.state == QUARANTINED:
        return msgspec.structs.replace(record, settled_hour=due.hour)
    score = max(0.0, record.score + evidence_of_hour(due.calls, dispersion))
    settled, hours = record.settled, record.hours
    if not record.score and record.state == HEALTHY:
        settled, hours = Comparison(), 0
    return msgspec.structs.replace(
        record,
        settled=settled + due.calls,
        settled_hour=due.hour,
        score=min(score, MOST_SCORE),
        hours=hours + 1,
    )


def judge(record: HealthRecord, now: int) -> tuple[HealthRecord, Transition | None]:
    """Judge a number: the same record and None, or its next record and the transition.

    Args:
        record: of one number, aged.
        now: the instant in ms since 1970.
    """
    if record.state == QUARANTINED:
        return _returned(record, now)
    limit = RELAPSE_SCORE if record.state == PROBATION else QUARANTINE_SCORE
    if record.score >= limit and record.hours >= FEWEST_HOURS:
        relapses = record.relapses + (record.state == PROBATION)
        return _moved(record, _quarantine(relapses, now), _in_words(record.settled))
    if record.state == PROBATION and _is_trusted(record):
        return _moved(record, _promoted(record), _in_words(record.settled))
    return record, None


def _is_trusted(record: HealthRecord) -> bool:
    """Return whether a stage has its calls, and they speak rather for the number than against."""
    is_due = record.settled.attempts >= STAGES[record.stage][1]
    return is_due and record.settled.evidence < 0


def lifted(record: HealthRecord, now: int) -> tuple[HealthRecord, Transition]:
    """Put a quarantined number on probation before its time, the hour that runs left out of it."""
    after = HealthRecord(state=PROBATION, relapses=record.relapses, settled_hour=now // HOUR)
    return _moved(record, after, "its quarantine was lifted")


def _returned(record: HealthRecord, now: int) -> tuple[HealthRecord, Transition | None]:
    if now < record.until:
        return record, None
    after = HealthRecord(state=PROBATION, relapses=record.relapses, settled_hour=now // HOUR - 1)
    return _moved(record, after, "its quarantine is over")


def _promoted(record: HealthRecord) -> HealthRecord:
    if record.stage + 1 == len(STAGES):
        return HealthRecord(record.tallies, settled_hour=record.settled_hour)
    return msgspec.structs.replace(record, stage=record.stage + 1)


def _quarantine(relapses: int, now: int) -> HealthRecord:
    days = QUARANTINE_DAYS[min(relapses, len(QUARANTINE_DAYS) - 1)]
    return HealthRecord(state=QUARANTINED, relapses=relapses, until=now + days * DAY)


def _moved(
    before: HealthRecord, after: HealthRecord, reason: str
) -> tuple[HealthRecord, Transition]:
    shown = f"{_name(after)}: {reason}"
    after = msgspec.structs.replace(after, reason=shown, untold=True)
    return after, Transition(_name(before), _name(after), reason)


def _name(record: HealthRecord) -> str:
    """A state as people and metrics know it: a probation by its stage, from 1."""
    return f"{PROBATION}_{record.stage + 1}" if record.state == PROBATION else record.state


def _in_words(calls: Comparison) -> str:
    return (
        f"answered {calls.answered:.0f} of {calls.attempts:.0f} calls, "
        f"{calls.expected:.0f} expected of calls like these"
    )
