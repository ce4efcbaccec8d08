"""Decide which of a sweep's news is believed. Pure: sweeps and instants in, a verdict out.

One sighting lets a number in. It leaves by its absence, and absence needs confirming: two sweeps
in a row, and where many are absent at once three over ten minutes. An answer without any number
is believed on an operator's word alone. A sweep that is not complete says who is absent only of the
parts that were whole.
"""

from collections.abc import Mapping

import msgspec

from service.inventory import PhoneNumber


class Sweep(msgspec.Struct, frozen=True):
    """The numbers that a sweep saw; `complete` when they are all of the `total` that CCC has.

    Where it is not, all numbers that hold one of the `settled` patterns were seen nevertheless.
    """

    numbers: Mapping[str, PhoneNumber]
    complete: bool
    total: int
    settled: tuple[str, ...] = ()

    def rules_out(self, number: str) -> bool:
        """Return whether a number that was not seen is not there."""
        return self.complete or any(pattern in number for pattern in self.settled)


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
    "held": "Too many are absent to believe it yet: three sweeps over ten minutes confirm it, "
    "except that there are none at all. `?accept_shrink=true` believes it now.",
}


class Policy(msgspec.Struct, frozen=True):
    """Beyond `max_shrink`, a share, a loss is one of many; an operator may accept any loss."""

    max_shrink: float
    accept_shrink: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """The numbers that there are to be, and who of them is absent so far.

    `numbers` is None where there is no inventory yet and this sweep gives none. `result` is
    accepted, unchanged, incomplete or held; `held` counts the absent numbers of a loss in doubt.
    """

    numbers: Mapping[str, PhoneNumber] | None
    absences: Mapping[str, Absence]
    result: str
    held: int = 0


class SweepReport(msgspec.Struct, frozen=True, array_like=True):
    """A sweep, for people: `result` is a verdict's, or `failed` for the reason in `detail`.

    Before the first one it is `never`. `at` is Unix time, `duration` seconds. `total` is what CCC
    told, `held` as in `Verdict`.
    """

    result: str = "never"
    at: float = 0.0
    duration: float = 0.0
    total: int = 0
    added: int = 0
    removed: int = 0
    held: int = 0
    detail: str = ""


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
    noted = {
        number: _longer(absences.get(number), now) for number in absent if sweep.rules_out(number)
    }
    is_empty = sweep.complete and not sweep.numbers and known != {}
    is_doubted = is_empty or len(noted) > policy.max_shrink * len(before)
    stay = absent - _gone(noted, now, policy, is_empty=is_empty, is_doubted=is_doubted)
    merged = {**{number: before[number] for number in stay}, **sweep.numbers}
    numbers = known if merged == known else merged  # the same mapping: no snapshot is built anew
    still_absent = {**absences, **noted}.items()
    kept = {number: absence for number, absence in still_absent if number in stay}
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
    )


def _longer(absence: Absence | None, now: float) -> Absence:
    return Absence(absence.sweeps + 1, absence.since) if absence else Absence(1, now)


def _gone(
    noted: Mapping[str, Absence], now: float, policy: Policy, *, is_empty: bool, is_doubted: bool
) -> set[str]:
    """Return the absent numbers that are believed to be gone; of an empty answer none are."""
    if policy.accept_shrink:
        return set(noted)
    if is_empty:
        return set()
    needed = OF_MANY if is_doubted else OF_FEW
    return {number for number, absence in noted.items() if _is_confirmed(absence, needed, now)}


def _is_confirmed(absence: Absence, needed: Confirmation, now: float) -> bool:
    return absence.sweeps >= needed.sweeps and now - absence.since >= needed.seconds
