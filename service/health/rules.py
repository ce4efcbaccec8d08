"""Judge a number that is answered less than its pool: quarantine, probation, and back.

Pure: from what was counted and the instant to the next state, with the reason in words. Counting,
storing and telling the ledger is done elsewhere. The figures are ours and not the field's: what
is said there of cool-offs and ramps is folklore, so they stand here in one place, to be changed.
"""

from collections import Counter, defaultdict

import msgspec

from service.health.rates import MARGIN, Comparison, Pool, Tally, compare, probability_below

HEALTHY = "healthy"
QUARANTINED = "quarantined"
PROBATION = "probation"

HOUR = 3_600_000
DAY = 24 * HOUR

# An hour that is over so long is settled: compared with the pool's, and kept as a sum. By then
# its last outcomes are in, and no more hours than these are kept of any number.
SETTLED_AFTER_HOURS = 2
# The sum fades beyond so many calls, so that the past hides no fall; a number of 50 calls a day
# and one of 500 are judged by as many. After a week of silence it is forgotten.
MEMORY_CALLS = 150
MEMORY_HOURS = 7 * 24
# A number is looked at every minute for as long as it lives, so chance has many tries.
CERTAINTY = 0.999
FEWEST_CALLS = 30
# Who was caught once is caught again on less, and must be more likely good than not to go on.
RELAPSE_CERTAINTY = 0.95
TRUST_BELOW = 0.5
RELAPSE_FEWEST_CALLS = 10
# Calls a day, and after how many calls of the whole probation more may be allowed.
STAGES = ((10, 20), (20, 60), (30, 120))
# A label put on a number by others wears off in a week or so; after each relapse it takes longer.
QUARANTINE_DAYS = (7, 14, 28)
# Where more of a pool is bad than this, it is not the numbers: the rest could not carry the calls.
MOST_QUARANTINED = 0.2

# What says how the callee took to the number. Busy is the callee's line, failed the network's
# doing, and neither depends on what was shown.
_SPEAKING = {"answered": 1, "no_answer": 0, "rejected": 0, "blocked": 0}


class HealthRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that is known of one number's health.

    It travels as an array whose first element is the tallies, which the Lua adds to: new fields
    go to the end, with a default. `until` ends a quarantine, in ms since 1970. `settled` sums up
    the older hours, to `settled_hour`. `untold` while the ledger was not told of the state.
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


class Transition(msgspec.Struct, frozen=True, gc=False):
    """A change of state, or of the stage of a probation, and why."""

    before: str
    after: str
    reason: str


class Pools:
    """The pools that numbers are compared with: the calls by hour of each skill group.

    Numbers of one skill group call for the same campaigns; those of another may call debtors
    instead of friends. A number of several groups belongs to the largest. Numbers of agents
    alone, which have no group, are compared with each other.
    """

    def __init__(self) -> None:
        self._hours: defaultdict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
        self._numbers: Counter[str] = Counter()
        self._quarantined: Counter[str] = Counter()

    def add(self, record: HealthRecord, groups: tuple[str, ...]) -> None:
        """Count a number in, with every group that it has; each number once."""
        for group in groups or ("",):
            self._numbers[group] += 1
            self._quarantined[group] += record.state == QUARANTINED
            hours = self._hours[group]
            for tally in record.tallies:
                answered, attempts = hours.get(tally.hour, (0, 0))
                hours[tally.hour] = (answered + tally.answered, attempts + tally.attempts)

    def of(self, groups: tuple[str, ...]) -> Pool:
        """The hours of a number's pool, its own calls among them."""
        return self._hours[self._largest(groups)]

    def spare(self, groups: tuple[str, ...]) -> bool:
        """Take one more number out of its pool; False where too many of it are out already."""
        group = self._largest(groups)
        if self._quarantined[group] + 1 > max(1, MOST_QUARANTINED * self._numbers[group]):
            return False
        self._quarantined.update(groups or ("",))
        return True

    def _largest(self, groups: tuple[str, ...]) -> str:
        return max(groups or ("",), key=lambda group: (self._numbers[group], group))


def answered_of(result: str) -> int | None:
    """Return an outcome's part in the calls answered; None where it says nothing of health."""
    return _SPEAKING.get(result)


def daily_cap(record: HealthRecord) -> int:
    """Return a state's cap of calls a day, 0 for no cap of its own.

    A quarantined number has the cap of its return already, so it never returns without one.
    """
    return 0 if record.state == HEALTHY else STAGES[record.stage][0]


def aged(record: HealthRecord, pool: Pool, now: int) -> HealthRecord:
    """The record with the hours settled that are over, and without what is too old.

    Args:
        record: of one number.
        pool: the hours of its pool, its own among them.
        now: the instant in ms since 1970.
    """
    hour = now // HOUR
    over = [tally for tally in record.tallies if tally.hour < hour - SETTLED_AFTER_HOURS]
    if over:
        return msgspec.structs.replace(
            record,
            tallies=tuple(tally for tally in record.tallies if tally not in over),
            settled=(record.settled + compare(over, pool)).at_most(MEMORY_CALLS),
            settled_hour=max(tally.hour for tally in over),
        )
    if record.settled_hour and record.settled_hour < hour - MEMORY_HOURS:
        return msgspec.structs.replace(record, settled=Comparison(), settled_hour=0)
    return record


def judge(record: HealthRecord, pool: Pool, now: int) -> tuple[HealthRecord, Transition | None]:
    """Judge a number: the same record and None, or its next record and the transition.

    Args:
        record: of one number, aged.
        pool: the hours of its pool, its own among them.
        now: the instant in ms since 1970.
    """
    if record.state == QUARANTINED:
        return _returned(record, now)
    seen = record.settled + compare(record.tallies, pool)
    if record.state == PROBATION:
        return _on_probation(record, seen, now)
    if seen.attempts < FEWEST_CALLS or seen.answered >= MARGIN * seen.expected:
        return record, None  # most numbers, and this is cheaper than the test
    probability = probability_below(seen)
    if probability < CERTAINTY:
        return record, None
    return _moved(record, _quarantine(0, now), _in_words(seen, probability))


def _returned(record: HealthRecord, now: int) -> tuple[HealthRecord, Transition | None]:
    if now < record.until:
        return record, None
    after = HealthRecord(state=PROBATION, relapses=record.relapses)
    return _moved(record, after, "its quarantine is over")


def _on_probation(
    record: HealthRecord, seen: Comparison, now: int
) -> tuple[HealthRecord, Transition | None]:
    probability = probability_below(seen)
    if seen.attempts >= RELAPSE_FEWEST_CALLS and probability >= RELAPSE_CERTAINTY:
        after = _quarantine(record.relapses + 1, now)
    elif seen.attempts >= STAGES[record.stage][1] and probability < TRUST_BELOW:
        after = _promoted(record)
    else:
        return record, None
    return _moved(record, after, _in_words(seen, probability))


def _promoted(record: HealthRecord) -> HealthRecord:
    if record.stage + 1 == len(STAGES):
        return msgspec.structs.replace(record, state=HEALTHY, stage=0, relapses=0)
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


def _in_words(seen: Comparison, probability: float) -> str:
    rate, pool = seen.answered / seen.attempts, seen.expected / seen.attempts
    return (
        f"answered {seen.answered:.0f} of {seen.attempts:.0f} calls ({rate:.1%}), its pool "
        f"{pool:.1%} in the same hours; clearly worse with probability {probability:.4f}"
    )
