"""Sorting numbers in slices, so that picks go on meanwhile. Pure."""

from bisect import bisect_left
from collections.abc import Generator, Sequence
from itertools import chain

AT_ONCE = 2048  # numbers sorted in a fraction of a ms
_SAMPLED = 16  # one number in so many tells where to cut


def in_order(numbers: Sequence[str]) -> Generator[None, None, tuple[str, ...]]:
    """Sort numbers; whenever this yields, others may have a turn."""
    runs = []
    for start in range(0, len(numbers), AT_ONCE):
        yield
        runs.append(sorted(numbers[start : start + AT_ONCE]))
    return (yield from merged(runs))


def merged(runs: Sequence[Sequence[str]]) -> Generator[None, None, tuple[str, ...]]:
    """Merge runs, each of which is in order, a part of them all at a time; as above."""
    if len(runs) == 1:
        return tuple(runs[0])
    cuts = sorted(chain.from_iterable(run[::_SAMPLED] for run in runs))
    starts = [0] * len(runs)
    numbers: list[str] = []
    for cut in (*cuts[:: AT_ONCE // _SAMPLED], None):
        yield
        ends = [len(run) if cut is None else bisect_left(run, cut) for run in runs]
        parts = (run[start:end] for run, start, end in zip(runs, starts, ends, strict=True))
        numbers += sorted(chain.from_iterable(parts))
        starts = ends
    return tuple(numbers)
