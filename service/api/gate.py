"""The gate: how many picks are let in at once, and how much of that one client may take.

One place is what an ordinary pick takes of the ledger and of this process; a pick that costs as
much as fifty takes fifty. What is let in keeps its time, whichever ledger decides: the rest is
refused as soon as it is read.
"""

from collections.abc import Callable

import msgspec

from service.api.auth import Asker
from service.errors import Overloaded
from service.metrics import Metrics
from service.settings import Settings

ACTIVE_SECONDS = 5.0  # for so long after a request a client has a share; Retry-After is shorter

FULL = "As many picks as may be are in flight already; ask again, or another replica"
HEAVY = "Too many picks for many numbers are in flight; ask again, or for fewer numbers"
LATE = "The pick has waited for too long to be decided; ask again"


class Share:
    """One client's part of the gate: the places taken, the most it may take, its last request.

    `sure` are the places that nobody else's requests can take from it.
    """

    __slots__ = ("asked", "most", "sure", "taken")

    def __init__(self, most: int) -> None:
        self.taken, self.sure, self.most, self.asked = 0, 0, most, 0.0


class Gate:
    """Lets picks in up to `server.max_in_flight`.

    A client with a `max_in_flight` of its own has that many places at the most. Any other may take
    all while it is alone; beyond its fair share it leaves as much as one such share to the others.

    Args:
        settings: the limits, and how long a pick may take.
        metrics: shows how many picks are inside.
        timer: counts seconds that only go forward.
    """

    def __init__(self, settings: Settings, metrics: Metrics, timer: Callable[[], float]) -> None:
        self._limit = settings.server.max_in_flight
        self._timer = timer
        self._patience = _longest_pick(settings)
        self._shares: dict[str, Share] = {}
        self.share_by(settings)
        self._taken = self._inside = 0
        self.unread = 0  # picks that have arrived, and whose senders are not known yet
        # Asked when it is scraped, which costs a pick nothing; workers share theirs.
        self._gauge = metrics.in_flight if metrics.of_workers else None
        if self._gauge is None:
            metrics.in_flight.set_function(lambda: self._inside)

    def share_by(self, settings: Settings) -> None:
        """Give clients the places that a configuration gives them."""
        self._most = {client.name: client.max_in_flight for client in settings.auth.clients}
        for name, share in self._shares.items():
            share.most = self._most.get(name, 0)
        self._be_sure()

    @property
    def is_full(self) -> bool:
        """True while nobody is let in, or as many as may be are still to be read."""
        return self._taken >= self._limit or self.unread >= self._limit

    def admit(self, asker: Asker, arrived: float) -> "Admission | None":
        """Let a pick in; None where there is no place for it.

        Args:
            asker: sends it.
            arrived: the timer's seconds when it was read.
        """
        share = self._shares.get(asker.name) or self._first_share(asker.name)
        share.asked = arrived
        if self._taken >= self._limit:
            return None
        if share.taken >= share.sure and not self._has_room(share, 1, arrived, self._limit):
            return None
        share.taken += 1
        self._taken += 1
        self._inside += 1
        if self._gauge is not None:
            self._gauge.set(self._inside)
        return Admission(self, share, asker, arrived)

    def enter(self, asker: Asker, arrived: float) -> "Admission":
        """Let a pick in; as `admit`.

        Raises:
            Overloaded: there is no place for it.
        """
        admission = self.admit(asker, arrived)
        if admission is None:
            raise Overloaded(FULL)
        return admission

    def weigh(self, admission: "Admission", places: int) -> None:
        """Take as many places as a pick costs, now that it is decoded.

        Heavy picks leave half of the gate to the others, and are the first to be refused; that half
        is shared like the whole. None takes more than a quarter.

        Raises:
            Overloaded: there are not as many, or the pick has waited for longer than it may take.
        """
        if self._timer() - admission.arrived > self._patience:
            raise Overloaded(LATE)
        if places <= admission.places:
            return
        share = admission.share
        more = min(places, self._limit // 4, share.most or places) - admission.places
        if more > 0:
            if not self._has_room(share, more, admission.arrived, self._limit // 2):
                raise Overloaded(HEAVY)
            admission.places += more
            share.taken += more
            self._taken += more

    def leave(self, admission: "Admission") -> None:
        """Give back the places of a pick."""
        admission.share.taken -= admission.places
        self._taken -= admission.places
        self._inside -= 1
        if self._gauge is not None:
            self._gauge.set(self._inside)

    def _has_room(self, share: Share, places: int, now: float, limit: int) -> bool:
        taken, mine = self._taken + places, share.taken + places
        if taken > limit:
            return False
        if share.most:
            return mine <= share.most
        since = now - ACTIVE_SECONDS
        active = sum([other.asked >= since for other in self._shares.values()])
        fair = max(1, limit // active)
        return mine <= fair or taken <= limit - fair

    def _first_share(self, name: str) -> Share:
        own = self._shares[name] = Share(self._most.get(name, 0))
        self._be_sure()
        return own

    def _be_sure(self) -> None:
        for share in self._shares.values():
            share.sure = min(self._limit // len(self._shares), share.most or self._limit)


class Admission(msgspec.Struct, gc=False):
    """A pick that was let in; as a context, it leaves the gate at the end.

    `arrived` is when it was read, by the gate's timer, and `places` are what it takes.
    """

    gate: Gate
    share: Share
    asker: Asker
    arrived: float
    places: int = 1

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.gate.leave(self)


def _longest_pick(settings: Settings) -> float:
    """Return the seconds that a pick may take in the most patient of the instances."""
    selections = [settings.selection_for(instance) for instance in settings.instances]
    times = [selection.pick_timeout_ms for selection in selections]
    return max(times, default=settings.selection.pick_timeout_ms) / 1000
