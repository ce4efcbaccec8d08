"""The kinds of values that settings are made of, each range with the words that a fault uses.

A kind says what one value may be. Which keys exist is said by the package.
"""

import re
from typing import Annotated, Literal

from msgspec import Meta


class Secret(str):
    """Text that a repr, and so a traceback or a log of its owner, does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'" if self else "''"


_YEAR = 31_536_000
MOST_DAYS = 366

Port = Annotated[int, Meta(ge=0, le=65535, description="a port from 0 to 65535")]
Positive = Annotated[int, Meta(ge=1, le=10**9, description="a whole number from 1")]
Limit = Annotated[int, Meta(ge=0, le=10**9, description="a whole number from 0 (no limit)")]
Milliseconds = Annotated[
    int, Meta(ge=1, le=600_000, description="whole milliseconds from 1 to 600000")
]
Wait = Annotated[float, Meta(ge=0, le=_YEAR, description="seconds from 0")]
Interval = Annotated[float, Meta(gt=0, le=_YEAR, description="seconds above 0")]
SweepInterval = Annotated[float, Meta(ge=1, le=_YEAR, description="seconds from 1")]
Window = Annotated[int, Meta(ge=1, le=_YEAR, description="whole seconds from 1 to a year")]
Pause = Annotated[int, Meta(ge=0, le=_YEAR, description="whole seconds from 0 to a year")]
Days = Annotated[int, Meta(ge=1, le=MOST_DAYS, description="1 to 366 days")]
Share = Annotated[float, Meta(ge=0, le=1, description="a share from 0 to 1")]
Holdout = Annotated[float, Meta(ge=0, le=0.5, description="a share from 0 to 0.5")]
Effect = Annotated[
    float, Meta(ge=0.0001, le=0.5, description="a difference of shares from 0.0001 to 0.5")
]
Rate = Annotated[float, Meta(gt=0, le=10_000, description="a rate above 0")]
Name = Annotated[str, Meta(min_length=1, description="text, not empty")]
Line = Annotated[str, Meta(pattern=r"\A[^\x00-\x1f\x7f]*\Z", description="text in one line")]
# Braces and colons would move a Redis key to another slot or another owner.
Word = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9_.@-]{1,64}\Z", description="1-64 of A-Z a-z 0-9 _ . @ -")
]
OptionalWord = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9_.@-]{0,64}\Z", description="0-64 of A-Z a-z 0-9 _ . @ -")
]
HostName = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9_.-]{1,253}\Z", description="a host's name, without a port")
]
Region = Annotated[
    str, Meta(pattern=r"\A[a-z0-9-]{0,40}\Z", description="a region's id, such as cn-shanghai")
]
SipCode = Annotated[int, Meta(ge=100, le=699, description="a SIP code from 100 to 699")]

Level = Literal["city", "area_code", "province", "near", "any"]
Scope = Literal["pick", "admin", "metrics"]
Scopes = Annotated[
    tuple[Scope, ...], Meta(min_length=1, description="a list of one or more scopes")
]
Places = Annotated[
    tuple[str, ...], Meta(min_length=1, max_length=5, description="a list of 1 to 5 places")
]
Avoided = Annotated[tuple[str, ...], Meta(max_length=64, description="a list of up to 64 places")]
Cities = Annotated[int, Meta(ge=0, le=16, description="0 to 16 cities")]
Levels = Annotated[
    tuple[Level, ...], Meta(min_length=1, description="a list of one or more levels")
]

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")


def parse_calling_window(text: str) -> tuple[int, int] | None:
    """Read `HH:MM-HH:MM` as minutes after midnight, the end excluded; empty is no window.

    Raises:
        ValueError: it is neither empty nor two times of day, the first before the second.
    """
    if not text:
        return None
    times = _CLOCK.fullmatch(text)
    if times is None:
        raise ValueError("not HH:MM-HH:MM")
    start = int(times[1]) * 60 + int(times[2])
    end = int(times[3]) * 60 + int(times[4]) if times[3] else 24 * 60
    if start >= end:
        raise ValueError("the start is not before the end")
    return start, end
