"""Decide which of a sweep's news is believed. Pure: sweeps and instants in, a verdict out.

One sighting lets a number in. It leaves by its absence, and absence needs confirming: two sweeps
in a row, and where many are absent at once three over ten minutes. Where many can no more be shown
(inactive, in no skill group) it is the same: they stay as they were until that is confirmed. An
answer without any number is believed on an operator's word alone. A sweep that is not complete says
who is absent only of the parts that were whole.
"""

from collections.abc import Iterable, Mapping

import msgspec

from service.errors import CallerIdError, SweepFailed
from service.inventory import PhoneNumber, UnreadableRow, bar

MOST_EXAMPLES = 10  # of unreadable rows, that are shown

REPEATED = "Number is listed twice"  # it can be read, and is used once


class Sweep(msgspec.Struct, frozen=True):
    """The numbers that a sweep saw; `complete` when they are all of the `total` that CCC has.

    Where it is not, all numbers that hold one of the `settled` patterns were seen nevertheless.
    `unreadable` are the rows that were set aside; they count in the total.
    """

    numbers: Mapping[str, PhoneNumber]
    complete: bool
    total: int
    settled: tuple[str, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()

    def rules_out(self, number: str) -> bool:
        """Return whether a number that was not seen is not there."""
        return self.complete or any(pattern in number for pattern in self.settled)

    def check_readable(self, most: float) -> None:
        """Raise SweepFailed if more than a share of all rows had to be set aside."""
        count = sum(row.reason != REPEATED for row in self.unreadable)
        rows = count + len(self.numbers)
        if count > most * rows:
            named = ", ".join(map(str, examples_of(self.unreadable)))
            raise SweepFailed(
                f"{count} of {rows} rows cannot be read, more than inventory.max_unreadable lets "
                f"be set aside: {named}. Have CCC list these numbers whole, or raise it",
                self.unreadable,
            )


class Absence(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The sweeps that ruled a number out since it was last seen, and the Unix time of the first."""

    sweeps: int
    since: float


class Confirmation(msgspec.Struct, frozen=True):
    """The evidence for an absence: so many sweeps, over so many seconds."""

    sweeps: int
    seconds: float


CONFIRMED = frozenset({"accepted", "unchanged"})

OF_FEW = Confirmation(2, 0.0)
OF_MANY = Confirmation(3, 600.0)

_EXPLANATIONS = {
    "incomplete": "The pages do not add up to TotalCount: what was seen is in, and nothing is out "
    "but what is absent from parts that do.",
    "held": "Too many are absent, or can no more be shown, to believe it yet: three sweeps over "
    "ten minutes confirm it, except that there are none at all. `?accept_shrink=true` believes it "
    "now.",
}


class Policy(msgspec.Struct, frozen=True):
    """Beyond `max_shrink`, a share, a loss is one of many; an operator may accept any loss."""

    max_shrink: float
    accept_shrink: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """The numbers that there are to be, and who of them is lost so far, by the sweeps' word.

    `numbers` is None where there is no inventory yet and this sweep gives none. `result` is
    accepted, unchanged, incomplete or held; `held` counts the numbers of a loss in doubt.
    """

    numbers: Mapping[str, PhoneNumber] | None
    absences: Mapping[str, Absence]
    result: str
    held: int = 0


class SweepReport(msgspec.Struct, frozen=True, array_like=True):
    """A sweep, for people: `result` is a verdict's, or `failed` for the reason in `detail`.

    Before the first one it is `never`. `at` is Unix time, `duration` seconds. `total` is what CCC
    told, `held` as in `Verdict`; `unreadable` rows were set aside, for reasons as in `examples`. It
    travels as an array: new fields go to the end, with a default.
    """

    result: str = "never"
    at: float = 0.0
    duration: float = 0.0
    total: int = 0
    added: int = 0
    removed: int = 0
    held: int = 0
    detail: str = ""
    unreadable: int = 0
    examples: tuple[UnreadableRow, ...] = ()

    def failed(self, error: CallerIdError, at: float, duration: float) -> "SweepReport":
        """The report on a failure after this; where it read no rows, the last ones stay shown."""
        rows = error.unreadable if isinstance(error, SweepFailed) else None
        count, examples = self.unreadable, self.examples
        if rows is not None:
            count, examples = len(rows), examples_of(rows)
        return SweepReport(
            "failed", at, duration, detail=str(error), unreadable=count, examples=examples
        )


def examples_of(rows: Iterable[UnreadableRow]) -> tuple[UnreadableRow, ...]:
    """Some unreadable rows, those that look the same once."""
    different = {UnreadableRow(row.number, row.reason) for row in rows}
    ordered = sorted(different, key=lambda row: (row.number, row.reason))
    return tuple(ordered[:MOST_EXAMPLES])


def judge(
    known: Mapping[str, PhoneNumber] | None,
    absences: Mapping[str, Absence],
    sweep: Sweep,
    now: float,
    policy: Policy,
) -> Verdict:
    """Weigh a sweep against what is known.

    Args:
        known: the numbers of the accepted inventory, None where there is none yet.
        absences: who of them was absent before, from the verdict before.
        sweep: what was seen.
        now: Unix time in seconds, on one clock for all replicas.
        policy: how much may be lost.

    Returns:
        All that was seen, as it was seen, and of the rest whoever is not confirmed gone.
    """
    before = {} if known is None else known
    absent = before.keys() - sweep.numbers.keys()
    ruled_out = {number for number in absent if sweep.rules_out(number)}
    barred = _newly_barred(before, sweep.numbers)
    is_empty = sweep.complete and not sweep.numbers and known != {}
    is_doubted = is_empty or _is_much(before, ruled_out, barred, policy.max_shrink)
    lost = ruled_out | barred if is_doubted else ruled_out
    noted = {number: _longer(absences.get(number), now) for number in lost}
    gone = _gone(noted, now, policy, is_empty=is_empty, is_doubted=is_doubted)
    stay = (absent | lost) - gone
    merged = {**sweep.numbers, **{number: before[number] for number in stay}}
    numbers = known if merged == known else merged  # the same mapping: no snapshot is built anew
    still_lost = {**absences, **noted}.items()
    kept = {number: absence for number, absence in still_lost if number in stay}
    if not sweep.complete:
        return Verdict(numbers or known, kept, "incomplete")
    if is_doubted and not policy.accept_shrink and (kept or is_empty):
        return Verdict(numbers or known, kept, "held", held=len(kept))
    return Verdict(numbers, kept, "unchanged" if numbers is known else "accepted")


def report_on(
    known: Mapping[str, PhoneNumber], verdict: Verdict, sweep: Sweep, at: float, duration: float
) -> SweepReport:
    """Put a verdict into figures.

    Args:
        known: the numbers before.
        verdict: what was made of the sweep.
        sweep: the sweep.
        at: Unix time of its start.
        duration: seconds that it took.
    """
    numbers = verdict.numbers or {}
    return SweepReport(
        verdict.result,
        at,
        duration,
        total=sweep.total,
        added=len(numbers.keys() - known.keys()),
        removed=len(known.keys() - numbers.keys()),
        held=verdict.held,
        detail=_EXPLANATIONS.get(verdict.result, ""),
        unreadable=len(sweep.unreadable),
        examples=examples_of(sweep.unreadable),
    )


def _newly_barred(before: Mapping[str, PhoneNumber], seen: Mapping[str, PhoneNumber]) -> set[str]:
    """Return the candidates of before that were seen and are candidates no more."""
    changed = (number for number, own in seen.items() if before.get(number, own) is not own)
    return {number for number in changed if bar(seen[number]) and not bar(before[number])}


def _is_much(
    before: Mapping[str, PhoneNumber], ruled_out: set[str], barred: set[str], most: float
) -> bool:
    """Return whether more than a share of the numbers, or of the candidates, is lost at once."""
    if len(ruled_out) > most * len(before):
        return True
    candidates = sum(not bar(own) for own in before.values()) if ruled_out or barred else 0
    lost = len(barred) + sum(not bar(before[number]) for number in ruled_out)
    return lost > most * candidates


def _longer(absence: Absence | None, now: float) -> Absence:
    return Absence(absence.sweeps + 1, absence.since) if absence else Absence(1, now)


def _gone(
    noted: Mapping[str, Absence], now: float, policy: Policy, *, is_empty: bool, is_doubted: bool
) -> set[str]:
    """Return the lost numbers whose loss is believed; of an empty answer it never is."""
    if policy.accept_shrink:
        return set(noted)
    if is_empty:
        return set()
    needed = OF_MANY if is_doubted else OF_FEW
    return {number for number, absence in noted.items() if _is_confirmed(absence, needed, now)}


def _is_confirmed(absence: Absence, needed: Confirmation, now: float) -> bool:
    return absence.sweeps >= needed.sweeps and now - absence.since >= needed.seconds
