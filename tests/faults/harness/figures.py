"""What came of a row, held against what may come of it; pure, so that tests can plant answers."""

from collections.abc import Iterable, Sequence

import msgspec

from tests.faults.harness.answers import Answer, Recount

PATIENT_MS = 500  # before the end of a fault that Redis is to serve through

HEADINGS = (
    "fault", "picks", "p99 ms", "max ms", "control", "degraded", "lost", "doubled",
    "differing", "apart", "rules", "back s", "allowed",
)  # fmt: skip
WIDTHS = (42, 7, 8, 8, 8, 9, 6, 8, 10, 6, 6, 7, 0)


class Span(msgspec.Struct, frozen=True):
    """A fault's begin and end, in ms since 1970; `has_returned`: Redis decided again in time."""

    began: float
    ended: float
    has_returned: bool


class Figures(msgspec.Struct, frozen=True):
    """A row as it is printed; `broken` are the rules, `failures` what is beyond what is allowed.

    `differing` calls were answered differently where that is never right, `apart` by two processes
    of which one was without Redis. `control_ms` is the longest pick of a run without a fault.
    """

    number: int
    name: str
    picks: int = 0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    control_ms: float | None = None
    degraded: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    apart: int = 0
    broken: tuple[str, ...] = ()
    back_seconds: float | None = None
    allowed: str = ""
    failures: tuple[str, ...] = ()


class Allowed(msgspec.Struct, frozen=True):
    """What is inherent in a fault, and so no failure.

    `lost`, `doubled` and `differing` are shares of the calls, `over_cap` uses of a number beyond
    its cap, `failures` codes of requests that fail. `masters` is how many may decide at a time: an
    old one that wakes does so until the Sentinels tell it.
    """

    lost: float = 0.0
    doubled: float = 0.0
    differing: float = 0.0
    over_cap: int = 0
    masters: int = 1
    refusals: bool = False
    failures: frozenset[str] = frozenset()

    def __str__(self) -> str:
        shares = {"lost": self.lost, "doubled": self.doubled, "differing": self.differing}
        words = [f"{name} ≤ {share:.1%}" for name, share in shares.items() if share]
        if self.over_cap:
            words.append(f"{self.over_cap} over a cap")
        return ", ".join([*words, *sorted(self.failures)])


def times_of(answers: Iterable[Answer]) -> tuple[float, float]:
    """The 99th of a hundred picks that were answered, and the longest, in ms."""
    times = sorted(one.answered - one.sent for one in answers if one.number)
    return (times[int(len(times) * 0.99)], times[-1]) if times else (0.0, 0.0)


def degraded_in(answers: Iterable[Answer]) -> int:
    """How many picks were decided without Redis."""
    return sum(answer.source == "degraded" for answer in answers)


def seconds_back(answers: Iterable[Answer], ended: float) -> float:
    """From the fault's end to the last pick that was asked for and still decided without Redis."""
    late = [one.sent for one in answers if one.source == "degraded" and one.sent > ended]
    return (max(late, default=ended) - ended) / 1000


def served_through(answers: Iterable[Answer], span: Span) -> bool:
    """Whether Redis decided most picks at the end of the fault, while that was still there."""
    since = span.ended - PATIENT_MS
    sources = [one.source for one in answers if one.number and since < one.sent < span.ended]
    return sources.count("redis") > len(sources) / 2


def failures_of(
    counts: Recount, allowed: Allowed, broken: Sequence[str], *, has_returned: bool, serves: bool
) -> tuple[str, ...]:
    """Say what is beyond what is allowed: counts, rules and sources, never times.

    Args:
        counts: of the answers, beside the ledger's.
        allowed: what is inherent in the fault.
        broken: the rules that were.
        has_returned: whether Redis decided again after the fault.
        serves: whether it decided where it had to.
    """
    shares = {
        "lost": (counts.lost, allowed.lost),
        "doubled": (counts.doubled, allowed.doubled),
        "answered differently": (len(counts.differing), allowed.differing),
    }
    beyond = [
        f"{count} of {counts.calls} calls {name}"
        for name, (count, share) in shares.items()
        if count > share * counts.calls
    ]
    if not has_returned:
        beyond.append("picks do not return to Redis, or wait to be written back")
    if not serves:
        beyond.append("Redis could serve, and did not decide most picks")
    return (*beyond, *broken)


def line_of(figures: Figures) -> str:
    """A row as a person reads it."""
    back = "never" if figures.back_seconds is None else f"{figures.back_seconds:.1f}"
    control = "" if figures.control_ms is None else f"{figures.control_ms:.0f}"
    cells = (
        f"{figures.number:>2} {figures.name}", figures.picks, f"{figures.p99_ms:.0f}",
        f"{figures.max_ms:.0f}", control, figures.degraded, figures.lost, figures.doubled,
        figures.differing, figures.apart, len(figures.broken), back, figures.allowed,
    )  # fmt: skip
    return laid_out(cells) + ("  BEYOND" if figures.failures else "")


def laid_out(cells: Sequence[object]) -> str:
    """Cells under each other: the first to the left, figures to the right, the last as it comes."""
    first, *middle, last = cells
    widths = WIDTHS[1:-1]
    texts = (f"{cell:>{width}}" for cell, width in zip(middle, widths, strict=True))
    return f"{first:<{WIDTHS[0]}}{''.join(texts)}  {last}".rstrip()
