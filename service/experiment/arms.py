"""The arms of an experiment: who is in which, and what was counted of each.

Callees are dealt out to buckets within their arm. The arm, the bucket and a token of the
experiment's name are four letters behind a use's mark, as in `l7q8`. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_letters, digits
from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.inventory import group_token

Arm = Literal["local", "any"]
ARMS: tuple[Arm, Arm] = ("local", "any")
BUCKETS = f"{ascii_letters}{digits}-_"
BAND_HOURS = 4
BANDS = 24 // BAND_HOURS

_NAMES: dict[str, Arm] = {arm[0]: arm for arm in ARMS}
_SHARE, _BUCKET = slice(0, 12), slice(12, 14)  # of a digest in hexadecimal

Fields = Mapping[str, int]


class ArmCalls(Struct, frozen=True, gc=False):
    """The calls of an arm, or of a part of it."""

    calls: Annotated[int, Meta(description="Calls that ended, however they did.")]
    answered: Annotated[int, Meta(description="How many of them were answered.")]


def arm_of(name: str, digest: str, holdout: float) -> str:
    """Return the letters of a callee's arm and bucket, and the token of the experiment.

    Args:
        name: of the experiment.
        digest: of the experiment and the callee, in hexadecimal.
        holdout: the share of callees in the arm `any`.
    """
    is_held_out = int(digest[_SHARE], 16) < holdout * 16**12
    bucket = BUCKETS[int(digest[_BUCKET], 16) % 64]
    return f"{'a' if is_held_out else 'l'}{bucket}{_token(name)}"


def is_of(letters: str, name: str) -> bool:
    """Return whether the letters are of an arm of this experiment, and not of an earlier one."""
    return letters[2:] == _token(name) and letters[:1] in _NAMES


def _token(name: str) -> str:
    return group_token(name)[:2]


def arm_name(letters: str) -> Arm | Literal[""]:
    """Return the name of an arm, by its letters; "" for none."""
    return _NAMES.get(letters[:1], "")


def fields_of(letters: str, province: str, hour: int) -> Iterator[str]:
    """Yield the names under which a call is counted: its bucket, and its province and hours."""
    yield letters[:2]
    yield f"{letters[0]} {province} {hour // BAND_HOURS}"


def counted(fields: Fields, name: str) -> ArmCalls:
    """Return the calls that are counted under one name."""
    return ArmCalls(fields.get(f"{name} calls", 0), fields.get(f"{name} answered", 0))


def buckets_of(fields: Fields, arm: Arm) -> Sequence[ArmCalls]:
    """Return the calls of an arm, bucket by bucket."""
    return [counted(fields, arm[0] + bucket) for bucket in BUCKETS]


def in_stratum(fields: Fields, arm: Arm, province: str, band: int) -> ArmCalls:
    """Return an arm's calls to a province in a band of hours."""
    return counted(fields, f"{arm[0]} {province} {band}")
