"""Read one row of ListPhoneNumbers, liberally, or say why it cannot be read.

What decides whether a number may be shown, and to whom (its digits, Active, Usage, SkillGroups,
UserId), must be certain: else the row is set aside. Of the rest an odd value stands for none.
"""

import contextlib
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec.structs import astuple

from service.inventory import PhoneNumber, UnreadableRow
from service.locality import Locality, restore_number, root_of
from service.logs import mask

LONGEST_SHOWN = 20  # characters of what stands in a number's place
MASKED_DIGITS = 8  # that CCC itself leaves of a number that it masks
KINDS_KEPT = 10_000  # of the rows that differ in nothing but their last digits, the latest
DIGEST_BYTES = 8

Text: TypeAlias = str | int | None
Item = TypeVar("Item")
# One object stands for a list of one, and a null for nothing, in a list or in place of it.
Several: TypeAlias = tuple[Item | None, ...] | Item | None
Texts: TypeAlias = tuple[Text, ...] | Text


class _Group(msgspec.Struct, rename="pascal", frozen=True, gc=False):
    skill_group_id: Text = None


class _Row(msgspec.Struct, rename="pascal", frozen=True, gc=False):
    number: Text = None
    province: str | None = None
    city: str | None = None
    usage: str | None = None
    active: bool | None = None
    skill_groups: Several[_Group] = None
    user_id: Text = None
    tags: Texts = None
    provider: Text = None


class _Unreadable(Exception):
    """A row that cannot be read; the message says why, without its number."""


VITAL = frozenset({"Number", "Usage", "Active", "SkillGroups", "UserId"})

_rows = msgspec.json.Decoder(_Row, strict=False)  # text may stand for numbers and flags
_lists_of_rows = msgspec.json.Decoder(list[_Row], strict=False)
_lists = msgspec.json.Decoder(list[msgspec.Raw])
_kinds = {field.encode_name: field.type for field in msgspec.structs.fields(_Row)}


class RowReader:
    """Reads rows, and places their numbers.

    Args:
        place_at: tells the place of the numbers of a `root_of` by the names that CCC has for it.
    """

    def __init__(self, place_at: Callable[[str, str, str], Locality]) -> None:
        self._common = lru_cache(KINDS_KEPT)(partial(_common, place_at))

    def read_all(self, listed: msgspec.Raw) -> tuple[list[PhoneNumber], list[UnreadableRow]]:
        """Read a list of rows: together, and one by one only where any of them is odd.

        Raises:
            ValueError, RecursionError: it is no JSON.
        """
        with contextlib.suppress(ValueError, RecursionError, _Unreadable):
            return [self._number(row) for row in _lists_of_rows.decode(listed)], []
        rows = [self.read(sent) for sent in _lists.decode(listed)]
        numbers = [row for row in rows if isinstance(row, PhoneNumber)]
        return numbers, [row for row in rows if isinstance(row, UnreadableRow)]

    def read(self, sent: msgspec.Raw) -> PhoneNumber | UnreadableRow:
        """Read a row, or tell why it has to be set aside; it never raises.

        Args:
            sent: any JSON.
        """
        number: Any = None
        try:
            try:
                row = _rows.decode(sent)
            except msgspec.ValidationError:
                fields = _fields_of(sent)
                number = fields.get("Number")
                row = _mended(fields)
            number = row.number
            return self._number(row)
        except _Unreadable as error:
            reason = str(error)
        except (ValueError, RecursionError):
            reason = "the row is no JSON that can be read"
        digest = blake2b(bytes(sent), digest_size=DIGEST_BYTES).digest()
        return UnreadableRow(shown(number), reason, digest)

    def _number(self, row: _Row) -> PhoneNumber:
        number = row.number
        if not isinstance(number, str) or not (root := root_of(number)):  # hardly any is so
            number = _usable(number)
            root = root_of(number)
        return PhoneNumber(number, *self._common(root, astuple(row)[1:]))


def shown(number: object) -> str:
    """What stands in a number's place, masked; what is neither text nor an integer is not shown."""
    if isinstance(number, bool) or not isinstance(number, str | int):
        return ""
    said = text(number)[:LONGEST_SHOWN]
    is_masked = "*" in said and sum(map(str.isdigit, said)) <= MASKED_DIGITS
    return said if is_masked else mask(said)


def several(decoded: Several[Item]) -> list[Item]:
    """The items of a list, or one that stands for a list; no nulls."""
    items = decoded if isinstance(decoded, tuple) else (decoded,)
    return [item for item in items if item is not None]


def split(listed: str) -> tuple[Text, ...]:
    """Split a list written as JSON, or as text with commas, Western or Chinese."""
    if listed.startswith("["):
        with contextlib.suppress(ValueError):
            return msgspec.json.decode(listed, type=tuple[Text, ...])
    return tuple(listed.replace("，", ",").split(","))


def text(value: Text) -> str:
    """The text of a value, "" for none."""
    return "" if value is None else str(value).strip()


def _fields_of(sent: msgspec.Raw) -> dict[str, Any]:
    if not bytes(sent).startswith(b"{"):
        raise _Unreadable("the row is no object")
    return msgspec.json.decode(sent, type=dict[str, Any])


def _mended(fields: dict[str, Any]) -> _Row:
    """A row without the odd values that it can do without; an empty text stands for none."""
    fields = {name: value for name, value in fields.items() if value != ""}
    if isinstance(groups := fields.get("SkillGroups"), list) and groups:
        fields["SkillGroups"] = [group for group in groups if _fits(group, _Group | None)]
        if not fields["SkillGroups"]:
            raise _Unreadable("SkillGroups cannot be read")
    for name, kind in _kinds.items():
        if not _fits(fields.get(name), kind):
            if name in VITAL:
                raise _Unreadable(f"{name} cannot be read")
            del fields[name]
    return msgspec.convert(fields, _Row, strict=False)


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _usable(number: Text) -> str:
    said = text(number)
    if number is None or not said:
        raise _Unreadable("Number is missing")
    if said[0] != "-":  # a hyphen is a gap in a number, and a sign before it
        try:
            return restore_number(number)
        except ValueError:
            pass  # of no known form: the reason follows
    # As the documents mask a number, or this API's examples.
    is_masked = "*" in said or "xx" in said.lower()
    raise _Unreadable("Number is masked" if is_masked else "Number is no number")


def _common(
    place_at: Callable[[str, str, str], Locality], root: str, fields: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Read a row but for its number, as a PhoneNumber has it: most rows have it in common."""
    province, city, *others = _texts(fields)
    place = place_at(root, province, city)
    return (place.province, place.city, place.area_code, *others)


@lru_cache(KINDS_KEPT)
def _texts(fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """Read the fields behind the number; those of all places share them, once in memory."""
    province, city, usage, active, skill_groups, user_id, tags, provider = fields
    groups = (text(group.skill_group_id) for group in several(skill_groups))
    return (
        text(province),
        text(city),
        text(usage),
        bool(active),  # a number is used only where CCC vouches for it
        tuple(filter(None, groups)),
        text(user_id),
        _tags(tags),
        text(provider),
    )


def _tags(tags: Texts) -> tuple[str, ...]:
    if not isinstance(tags, tuple):
        tags = split(text(tags))
    return tuple(filter(None, map(text, tags)))
