"""The answers of a ledger, as they travel from Redis: arrays, whose new fields go to the end."""

from typing import Any

import msgspec


class Consideration(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One candidate that was looked at: `reason` is "" for one that was taken."""

    number: str
    level: str
    turn: int
    used_hour: int
    used_day: int
    reason: str


class Picked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The answer to a pick.

    `uses` has each number with its mark, as `inventory.marks` has it, `rejected` how many were
    passed over, by reason. A pick that was refused as a whole says why in `refusal`: `budget` (with
    the instant from which to ask again) or `reused`, another body under the same call.
    `is_repeated`: it was answered before, under the same call, and counted then.
    """

    uses: tuple[tuple[str, str], ...] = ()
    rejected: tuple[tuple[str, int], ...] = ()
    refusal: str = ""
    until: int = 0
    looks: tuple[Consideration, ...] = ()
    is_repeated: bool = False

    @property
    def is_counted(self) -> bool:
        """True if numbers were shown and counted: neither refused, nor the same once more."""
        return bool(self.uses) and not self.is_repeated


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The standing of one number: uses in this hour and day, open leases, parks, caps.

    A cap of 0 is none.
    """

    used_hour: int
    used_day: int
    leases: int
    parks: tuple[tuple[str, int], ...]
    max_per_hour: int = 0
    max_per_day: int = 0


class CalleeStanding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The standing of one callee: its stop, and its uses that a rule may still need, in order.

    `stopped` is the end of the stop, 0 where there is none, `by` and `reason` are the words to it.
    A use is its instant, the digest of its groups, and the numbers that were shown.
    """

    stopped: int = 0
    by: str = ""
    reason: str = ""
    uses: tuple[tuple[int, str, tuple[str, ...]], ...] = ()


class Glance(msgspec.Struct, frozen=True, gc=False):
    """A number as this process knows it without asking: its uses, its cap, its parks, its turn.

    Each park is a reason and the instant of its end.
    """

    used_day: int = 0
    max_per_day: int = 0
    parks: tuple[tuple[str, int], ...] = ()
    used_hour: int = 0
    turn: int = 0


class Followed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The pick of an outcome: `state` is `unknown`, `followed`, or `over` if it ended before.

    `uses` has each number of the pick with its mark: level and stratum.
    """

    state: str
    uses: tuple[tuple[str, str], ...] = ()


class Decision(msgspec.Struct, frozen=True, gc=False):
    """An answered pick, and the ledger that decided: `redis`, `memory` or `degraded`."""

    source: str
    picked: Picked


def picked_from(answer: Any) -> Picked:
    """The answer to a pick: a number and its mark as text where that is all there is to say."""
    if type(answer) is str:
        number, _, mark = answer.partition(" ")
        return Picked(((number, mark),))
    return msgspec.convert(answer, Picked)


def followed_from(answer: Any) -> Followed:
    """The answer to an outcome: the state, a number and its mark as text where there is one."""
    if type(answer) is str:
        state, number, mark = answer.split(" ", 2)
        return Followed(state, ((number, mark),))
    return msgspec.convert(answer, Followed)
