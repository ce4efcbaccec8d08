"""A number's record in the shared ledger: what it says of the number's use, and its bytes in Redis.

Both ledgers know it: the one in this process goes on from it when Redis has gone, and what it
knows is written back when Redis was wiped.
"""

from struct import Struct, unpack_from
from struct import error as StructError  # noqa: N812 - a class, whatever its name
from typing import Any, TypeAlias

import msgspec

_RECORD = Struct("<12sdddddII")
_HOME_SIZE = 12
_USE_AT = _HOME_SIZE + 8  # behind the home and the turn
_UNUSED = bytes(_RECORD.size - _USE_AT)


class KnownUse(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The shared ledger's knowledge of a number; `leases` has the turn and end of each.

    As an array it is what `lua/membership.lua` takes to write a number's record anew.
    """

    last: int = 0
    hour: int = 0
    day: int = 0
    in_hour: int = 0
    in_day: int = 0
    leases: tuple[int, ...] = ()
    cap: int = 0
    avoid: Any = msgspec.field(default_factory=dict)
    turn: int = 0


UNUSED = KnownUse()

# Of each number what the shared ledger is known to have held: its use, and its parks by reason.
Recall: TypeAlias = dict[str, tuple[KnownUse, dict[str, int]]]


def home_of(packed: bytes) -> str:
    """Return a number's home, from its record as it stands in Redis; "" where it cannot be read."""
    return packed[:_HOME_SIZE].decode(errors="replace")


def known_from(packed: bytes) -> KnownUse | None:
    """Read a number's record as it stands in Redis: `lua/0_record.lua` says what is where.

    Returns:
        None where it cannot be read.
    """
    if packed[_USE_AT:] == _UNUSED:  # in a large inventory, most
        return UNUSED
    try:
        _, turn, last, _, hour, day, in_hour, in_day = _RECORD.unpack_from(packed)
        leases: tuple[int, ...] = ()
        cap, avoid = 0, {}
        if len(packed) > _RECORD.size:
            (count,) = unpack_from("<H", packed, _RECORD.size)
            leases_format = Struct(f"<{2 * count}d")
            leases = tuple(map(int, leases_format.unpack_from(packed, _RECORD.size + 2)))
            if more := packed[_RECORD.size + 2 + leases_format.size :]:
                cap, avoid = msgspec.msgpack.decode(more)
        counts = int(last), int(hour), int(day), in_hour, in_day
        regions = {region: int(ends) for region, ends in dict(avoid).items()}
        return KnownUse(*counts, leases, int(cap), regions, int(turn))
    except (StructError, ValueError, OverflowError, TypeError, msgspec.MsgspecError):
        return None
