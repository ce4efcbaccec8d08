"""A number's record in the shared ledger: what it says of the number's use, and its bytes in Redis.

Both ledgers know it: the one in this process goes on from it when Redis has gone, and what it
knows is written back when Redis was wiped.
"""

from collections.abc import Callable
from struct import Struct, unpack_from
from struct import error as StructError  # noqa: N812 - a class, whatever its name
from typing import TypeAlias

import msgspec

_RECORD = Struct("<12xdd8xddII")
_HOME_SIZE = 12
_USE_AT = _HOME_SIZE + 8  # behind the home and the turn
# Returns, alone in a tuple, the instant of a number's last use, from a record that can be read.
last_use = Struct(f"<{_USE_AT}xd").unpack_from
MOST = 2**53  # beyond it a double is no count or instant of anybody's
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
    avoid: dict[str, int] = msgspec.field(default_factory=dict)
    turn: int = 0


UNUSED = KnownUse()

# The turn and the instant of the last use, the hour and the day of the last counted one, the uses
# in each, and a daily cap of the number's own.
Counts: TypeAlias = tuple[float, float, float, float, int, int, int]
NO_COUNTS: Counts = 0, 0, 0, 0, 0, 0, 0

# Tells what the shared ledger is known to have held of a number: its use, and its parks, each
# reason with its end; None of one that was never used.
Recall: TypeAlias = Callable[[str], tuple[KnownUse, dict[str, int]] | None]


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
        turn, last, hour, day, in_hour, in_day = _RECORD.unpack_from(packed)
        counts = _whole(last), _whole(hour), _whole(day), in_hour, in_day
        if len(packed) == _RECORD.size:
            return KnownUse(*counts, turn=_whole(turn))
        (count,) = unpack_from("<H", packed, _RECORD.size)
        leases = unpack_from(f"<{2 * count}d", packed, _RECORD.size + 2)
        cap, avoid = 0, {}
        if more := packed[_RECORD.size + 2 + 16 * count :]:
            cap, avoid = msgspec.msgpack.decode(more)
        regions = {region: _whole(ends) for region, ends in dict(avoid).items()}
        if min((*leases[1::2], *regions.values()), default=0) < 0:
            return None
        return KnownUse(*counts, tuple(map(_whole, leases)), _whole(cap), regions, _whole(turn))
    except (StructError, ValueError, OverflowError, TypeError, RecursionError):
        return None


def _whole(value: float) -> int:
    if not -MOST < value < MOST:
        raise OverflowError
    return int(value)


def counts_from(packed: bytes) -> Counts:
    """Read the counts of a record that can be read: a fourth of the time of reading it all."""
    cap = 0
    if len(packed) > _RECORD.size:
        (leases,) = unpack_from("<H", packed, _RECORD.size)
        if len(packed) > _RECORD.size + 2 + 16 * leases and (known := known_from(packed)):
            cap = known.cap
    return *_RECORD.unpack_from(packed), cap
