"""The metrics of several workers: values in memory that all of them read, merged when scraped.

prometheus_client's own way keeps such values in files. Whatever cleans `/tmp` takes those away, and
on a full disk writing to one ends the process (SIGBUS). The memory here has no name, and no limit
of a file system: the first process makes it, hands it to each worker, and keeps it until the end.
"""

import json
import os
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from threading import Lock
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

_ROOM = 8 << 20  # bytes of a piece, some 50,000 values; what is not written takes no memory
_EMPTY = struct.pack("i", 8)  # how a piece begins that has no value: what is used is this head

_Labels = tuple[tuple[str, str], ...]


class Piece(NamedTuple):
    """The memory of one worker after another, by file descriptors.

    What `counts` holds goes on with the next worker, as what was counted stays counted; `gauges`
    are those of the living one.
    """

    counts: int
    gauges: int

    @classmethod
    def make(cls) -> "Piece":
        """Return an empty piece."""
        piece = cls(*(os.memfd_create(f"callerid-{name}") for name in cls._fields))
        for descriptor in piece:
            os.ftruncate(descriptor, _ROOM)
            os.pwrite(descriptor, _EMPTY, 0)
        return piece

    def clear_gauges(self) -> None:
        """Forget the gauges of a worker that has ended."""
        os.pwrite(self.gauges, _EMPTY, 0)


class SharedValues:
    """Makes the values of this worker's metrics: prometheus_client's `ValueClass` in its process.

    Args:
        own: the piece of this worker, which takes over its descriptors.
        others: those of its siblings.
    """

    def __init__(self, own: Piece, others: Sequence[Piece]) -> None:
        self._pieces = (Piece(*map(os.dup, own)), *others)
        self._counts, self._gauges = map(MmapedDict, own)
        self._lock = Lock()

    def __call__(self, kind: str, *about: Any, multiprocess_mode: str = "", **_: Any) -> "_Value":
        """Make a value, called as prometheus_client calls its own class."""
        family, name, labels, of_labels, _help = about
        memory = self._gauges if kind == "gauge" else self._counts
        # How the value is merged stands in the place of the help.
        key = mmap_key(family, name, labels, of_labels, multiprocess_mode)
        return _Value(memory, key, self._lock)

    def together(self, registry: CollectorRegistry) -> Collector:
        """Return the families of a registry with the samples of all workers."""
        return _Together(self, registry)

    def samples(self) -> Mapping[str, Iterable[Sample]]:
        """Return the merged samples by the name of their family, each bucket by itself."""
        readings: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for piece in self._pieces:
            for descriptor in piece:
                with closing(MmapedDict(os.dup(descriptor), read_mode=True)) as memory:
                    for key, value, instant in memory.read_all_values():
                        readings[key].append((instant, value))
        samples: dict[str, list[Sample]] = defaultdict(list)
        for key, pairs in readings.items():
            family, name, labels, mode = json.loads(key)
            samples[family].append(Sample(name, labels, _merged(mode, pairs)))
        return samples


class _Together(Collector):
    """Collects what one worker's registry names, over all workers."""

    def __init__(self, values: SharedValues, registry: CollectorRegistry) -> None:
        self._values = values
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        families = list(self._registry.collect())  # first: collecting may move counts in
        samples = self._values.samples()
        for family in families:
            whole = Metric(family.name, family.documentation, family.type)
            whole.samples = list(_accumulated(samples.get(family.name, ())))
            yield whole


class _Value:
    """One value of this worker, which its siblings can read."""

    def __init__(self, memory: MmapedDict, key: str, lock: Lock) -> None:
        self._memory, self._key, self._lock = memory, key, lock
        with lock:
            self._value, _ = memory.read_value(key)

    def inc(self, amount: float) -> None:
        with self._lock:
            self._value += amount
            self._memory.write_value(self._key, self._value, 0.0)

    def set(self, value: float, timestamp: float | None = None) -> None:
        with self._lock:
            self._value = value
            self._memory.write_value(self._key, value, timestamp or 0.0)

    def get(self) -> float:
        return float(self._value)

    def get_exemplar(self) -> None:
        return None


def _merged(mode: str, readings: Sequence[tuple[float, float]]) -> float:
    """One value out of the instants and values that the workers have for it."""
    values = [value for _, value in readings]
    match mode:
        case "livemin":
            return min(values)
        case "livemax":
            return max(values)
        case "livemostrecent":
            return max(readings)[1]
    return sum(values)


def _accumulated(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Add each bucket to those below it, which come before it, and yield their count."""
    below: dict[_Labels, float] = defaultdict(float)
    for sample in samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        if bound is None:
            yield sample
            continue
        histogram = tuple(labels.items())
        below[histogram] += sample.value
        yield sample._replace(value=below[histogram])
        if bound == "+Inf":
            count = sample.name.replace("_bucket", "_count")
            yield Sample(count, labels, below[histogram])
