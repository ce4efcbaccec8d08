"""A number's record in the shared ledger: what it says of the number's use, and its bytes in Redis.

Both ledgers know it: the one in this process goes on from it when Redis has gone.
"""

from struct import Struct, unpack_from
from typing import Any

import msgspec

_RECORD = Struct("<12sdddddII")
_HOME_SIZE = 12
_USE_AT = _HOME_SIZE + 8  # behind the home and the turn
_UNUSED = bytes(_RECORD.size - _USE_AT)


class KnownUse(msgspec.Struct, frozen=True, gc=False):
    """The shared ledger's knowledge of a number; `leases` has the turn and end of each."""

    last: int = 0
    hour: int = 0
    day: int = 0
    in_hour: int = 0
    in_day: int = 0
    leases: tuple[int, ...] = ()
    cap: int = 0
    avoid: Any = ()


UNUSED = KnownUse()


def home_of(packed: bytes) -> str:
    """Return a number's home, from its record as it stands in Redis."""
    return packed[:_HOME_SIZE].decode()


def known_from(packed: bytes) -> KnownUse:
    """A number's record as it stands in Redis: `lua/1_reading.lua` says what is where."""
    if packed[_USE_AT:] == _UNUSED:  # in a large inventory, most
        return UNUSED
    _, _, last, _, hour, day, in_hour, in_day = _RECORD.unpack_from(packed)
    leases: tuple[int, ...] = ()
    cap, avoid = 0, ()
    if len(packed) > _RECORD.size:
        (count,) = unpack_from("<H", packed, _RECORD.size)
        leases_format = Struct(f"<{2 * count}d")
        leases = tuple(map(int, leases_format.unpack_from(packed, _RECORD.size + 2)))
        if more := packed[_RECORD.size + 2 + leases_format.size :]:
            cap, avoid = msgspec.msgpack.decode(more)
    return KnownUse(int(last), int(hour), int(day), in_hour, in_day, leases, cap, avoid)
