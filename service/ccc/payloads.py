"""Decode the `Data` of each action, liberally, into one strict shape.

The documents and the wire disagree: a list of one comes as an object, a number as an integer that
lost its leading 0, a flag as text. Whatever can be read with certainty is read; whatever cannot is
CccMalformed, or a row that is set aside and told of: never a guess and never a silent gap.
"""

from collections.abc import Container, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from service.ccc.replies import CccReply, decode_json
from service.ccc.rows import (
    Item,
    RowReader,
    Several,
    Text,
    several,
    shown,
    text,
)
from service.errors import CccMalformed
from service.inventory import PhoneNumber, UnreadableRow
from service.locality import Locality, restore_number


class ListedPage(msgspec.Struct, frozen=True):
    """A page of ListPhoneNumbers; `page_number` and `page_size` are 0 where the reply has none.

    `digest` is that of all that it says. `unreadable` are the rows that are set aside.
    """

    digest: bytes
    total_count: int = 0
    page_number: int = 0
    page_size: int = 0
    numbers: Sequence[PhoneNumber] = ()
    unreadable: Sequence[UnreadableRow] = ()


class PickedNumber(msgspec.Struct, frozen=True):
    """A number and where it is at home, as sent; what CCC does not know is empty."""

    number: str
    province: str
    city: str


NOWHERE = PickedNumber("", "", "")
AS_LISTED = RowReader(lambda _root, province, city: Locality(province, city))


class NumberPair(msgspec.Struct, frozen=True):
    """A caller number that CCC picked for a callee; the caller's leading 0 is restored."""

    caller: PickedNumber
    callee: PickedNumber


class _Page(msgspec.Struct, rename="pascal"):
    total_count: int
    rows: msgspec.Raw = msgspec.field(name="List")
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


def number_page(
    reply: CccReply, rows: RowReader = AS_LISTED, known: Container[bytes] = ()
) -> ListedPage:
    """Decode ListPhoneNumbers; a row that cannot be read is set aside.

    Of a page whose digest is `known` nothing is read but that. Raises CccMalformed without
    TotalCount or List.
    """
    digest = sha256(reply.data).digest()
    if digest in known:
        return ListedPage(digest)
    page: _Page = _one(reply, _decoded(reply, _pages))
    if page.total_count < 0:
        raise malformed(reply, "TotalCount is negative")
    number, size = page.page_number or 0, page.page_size or 0
    is_beyond = page.total_count == 0 or (number - 1) * size >= page.total_count
    match bytes(page.rows)[:1]:
        case b"[":
            read = rows.read_all(page.rows)
        case b"{":  # stands for a list of one
            read = rows.read_all(msgspec.Raw(b"[%s]" % bytes(page.rows)))
        case b"n" if is_beyond:
            read = [], []
        case _:
            raise malformed(reply, "List is no list")
    return ListedPage(digest, page.total_count, number, size, *read)


def number_pairs(reply: CccReply) -> tuple[NumberPair, ...]:
    """Decode PickOutboundNumbers; no Data, null and pairs without a caller mean: nothing picked.

    Raises CccMalformed for a caller number that cannot be used.
    """
    pairs: list[_Pair] = several(_decoded(reply, _pairs))
    return tuple(
        NumberPair(
            caller=_placed(pair.caller, usable(reply, index, pair.caller.number)),
            callee=_placed(pair.callee, text(pair.callee.number)) if pair.callee else NOWHERE,
        )
        for index, pair in enumerate(pairs)
        if pair.caller and pair.caller.number
    )


def number_location(reply: CccReply) -> PickedNumber:
    """Decode GetNumberLocation. Raises CccMalformed unless Data is one place."""
    place: _Place = _one(reply, _decoded(reply, _places))
    return _placed(place, text(place.number))


def _decoded(reply: CccReply, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Decode Data; none at all stands for null."""
    try:
        return decode_json(bytes(reply.data) or b"null", decoder)
    except (ValueError, RecursionError) as error:  # they name types and places, never a value
        raise malformed(reply, f"Data is not as promised: {error}") from None


def _one(reply: CccReply, found: Several[Item]) -> Item:
    items = several(found)
    if len(items) != 1:
        raise malformed(reply, f"Data holds {len(items)} objects in place of one")
    return items[0]


def _placed(place: _Place, number: str) -> PickedNumber:
    return PickedNumber(number, text(place.province), text(place.city))


def usable(reply: CccReply, index: int, number: Text) -> str:
    """The number that an answer names, as it is a key. Raises CccMalformed if it is none."""
    try:
        return restore_number("" if number is None else number)
    except ValueError as error:  # it does not repeat the number
        named = f"entry {index} of Data, number {shown(number)}"
        raise malformed(reply, f"{named}: {error}") from None


def malformed(reply: CccReply, why: str) -> CccMalformed:
    """The error of an answer that is none, with its request's id."""
    return CccMalformed("Malformed", why, status=200, request_id=str(reply.request_id or ""))
