"""Decode the `Data` of each action, liberally, into one strict shape.

The documents and the wire disagree: a list of one comes as an object, a number as an integer that
lost its leading 0, a flag as text. Whatever can be read with certainty is read; whatever cannot is
CccMalformed, never a guess and never a silent gap.
"""

import contextlib
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec.structs import astuple

from service.ccc.replies import CccReply
from service.errors import CccMalformed
from service.locality import restore_number
from service.logs import mask

LONGEST_SHOWN = 20  # characters of what stands in a number's place
KINDS_KEPT = 4096  # of the rows that differ in nothing but their numbers, the latest

Text = str | int | None
Item = TypeVar("Item")
# One object stands for a list of one, and a null for nothing, in a list or in place of it.
Several: TypeAlias = tuple[Item | None, ...] | Item | None
Texts: TypeAlias = tuple[Text, ...] | Text


class ListedNumber(msgspec.Struct, frozen=True, gc=False):
    """A row of ListPhoneNumbers. `user_id` is empty unless the number is one agent's own.

    `active` is false where the row does not say: a number is used only where CCC vouches for it.
    """

    number: str
    province: str
    city: str
    usage: str
    active: bool
    skill_group_ids: tuple[str, ...]
    user_id: str
    tags: tuple[str, ...]
    provider: str


class ListedPage(msgspec.Struct, frozen=True):
    """A page of ListPhoneNumbers; `page_number` and `page_size` are 0 where the reply has none."""

    total_count: int
    page_number: int
    page_size: int
    numbers: tuple[ListedNumber, ...]


class PickedNumber(msgspec.Struct, frozen=True):
    """A number and where it is at home, as sent; what CCC does not know is empty."""

    number: str
    province: str
    city: str


NOWHERE = PickedNumber("", "", "")


class NumberPair(msgspec.Struct, frozen=True):
    """A caller number that CCC picked for a callee; the caller's leading 0 is restored."""

    caller: PickedNumber
    callee: PickedNumber


class _Group(msgspec.Struct, rename="pascal", frozen=True, gc=False):
    skill_group_id: Text = None


class _Row(msgspec.Struct, rename="pascal", frozen=True, gc=False):
    number: Text = None
    province: Text = None
    city: Text = None
    usage: Text = None
    active: bool | None = None
    skill_groups: Several[_Group] = None
    user_id: Text = None
    tags: Texts = None
    provider: Text = None


class _Page(msgspec.Struct, rename="pascal"):
    total_count: int
    # No null among the rows: it would stand for a number that is missing.
    rows: tuple[_Row, ...] | _Row | None = msgspec.field(name="List")
    page_number: int | None = None
    page_size: int | None = None


class _Place(msgspec.Struct, rename="pascal"):
    number: Text = None
    province: Text = None
    city: Text = None


class _Pair(msgspec.Struct, rename="pascal"):
    caller: _Place | None = None
    callee: _Place | None = None


def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    """Leniently: text may stand for numbers and flags."""
    return msgspec.json.Decoder(shape, strict=False)


_pages = _decoder(tuple[_Page | None, ...] | _Page | None)
_pairs = _decoder(tuple[_Pair | None, ...] | _Pair | None)
_places = _decoder(tuple[_Place | None, ...] | _Place | None)


def number_page(reply: CccReply) -> ListedPage:
    """Decode ListPhoneNumbers.

    Raises CccMalformed without TotalCount or List, and for a row whose number cannot be used (a
    masked one, say): a page that dropped the row would lose a number, and nobody would be told.
    """
    page: _Page = _one(reply, _decoded(reply, _pages))
    if page.rows is None and page.total_count != 0:
        raise malformed(reply, "List is null")
    rows = enumerate(_several(page.rows))
    return ListedPage(
        total_count=page.total_count,
        page_number=page.page_number or 0,
        page_size=page.page_size or 0,
        numbers=tuple(
            ListedNumber(usable(reply, index, row.number), *_common(astuple(row)[1:]))
            for index, row in rows
        ),
    )


def number_pairs(reply: CccReply) -> tuple[NumberPair, ...]:
    """Decode PickOutboundNumbers; no Data, null and pairs without a caller mean: nothing picked.

    Raises CccMalformed for a caller number that cannot be used.
    """
    pairs: list[_Pair] = _several(_decoded(reply, _pairs))
    return tuple(
        NumberPair(
            caller=_placed(pair.caller, usable(reply, index, pair.caller.number)),
            callee=_placed(pair.callee, _text(pair.callee.number)) if pair.callee else NOWHERE,
        )
        for index, pair in enumerate(pairs)
        if pair.caller and pair.caller.number
    )


def number_location(reply: CccReply) -> PickedNumber:
    """Decode GetNumberLocation. Raises CccMalformed unless Data is one place."""
    place: _Place = _one(reply, _decoded(reply, _places))
    return _placed(place, _text(place.number))


def _decoded(reply: CccReply, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Decode Data; none at all stands for null."""
    try:
        return decoder.decode(bytes(reply.data) or b"null")
    except (ValueError, RecursionError) as error:  # they name types and places, never a value
        raise malformed(reply, f"Data is not as promised: {error}") from None


def _several(decoded: Several[Item]) -> list[Item]:
    items = decoded if isinstance(decoded, tuple) else (decoded,)
    return [item for item in items if item is not None]


def _one(reply: CccReply, found: Several[Item]) -> Item:
    items = _several(found)
    if len(items) != 1:
        raise malformed(reply, f"Data holds {len(items)} objects in place of one")
    return items[0]


@lru_cache(KINDS_KEPT)
def _common(fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """Read a row but for its number, as a ListedNumber has it: most rows have it in common."""
    province, city, usage, active, skill_groups, user_id, tags, provider = fields
    groups = (_text(group.skill_group_id) for group in _several(skill_groups))
    return (
        _text(province),
        _text(city),
        _text(usage),
        bool(active),
        tuple(filter(None, groups)),
        _text(user_id),
        _tags(tags),
        _text(provider),
    )


def _placed(place: _Place, number: str) -> PickedNumber:
    return PickedNumber(number, _text(place.province), _text(place.city))


def usable(reply: CccReply, index: int, number: Text) -> str:
    """The canonical form of a number that an answer names. Raises CccMalformed if it is none."""
    try:
        return restore_number("" if number is None else number)
    except ValueError as error:  # it does not repeat the number
        shown = mask(_text(number)[:LONGEST_SHOWN])
        raise malformed(reply, f"entry {index} of Data, number {shown}: {error}") from None


def _tags(tags: Texts) -> tuple[str, ...]:
    if not isinstance(tags, tuple):
        tags = split(_text(tags))
    return tuple(filter(None, map(_text, tags)))


def split(text: str) -> tuple[Text, ...]:
    """Split a list written as JSON, or as text with commas, Western or Chinese."""
    if text.startswith("["):
        with contextlib.suppress(ValueError):
            return msgspec.json.decode(text, type=tuple[Text, ...])
    return tuple(text.replace("，", ",").split(","))


def _text(value: Text) -> str:
    return "" if value is None else str(value).strip()


def malformed(reply: CccReply, why: str) -> CccMalformed:
    """The error of an answer that is none, with its request's id."""
    return CccMalformed("Malformed", why, status=200, request_id=str(reply.request_id or ""))
