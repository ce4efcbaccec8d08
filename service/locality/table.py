"""Read phone.dat, the table of mobile prefixes and their places, into flat arrays.

The file: 4 bytes of version; the int32 offset of the index; records of UTF-8 text, each
`province|city|postcode|area code` and a NUL; then the index, 9 bytes an entry: int32 prefix of
7 digits, int32 offset of its record, a byte for the carrier. Integers are little-endian.
Not for looking up, and not for opening files: the bytes come in.
"""

import re
import struct
from array import array
from collections.abc import Sequence

import msgspec

from service.locality.names import normal_city, normal_province

FIRST_PREFIX = 1300000
_PREFIXES = 700000  # up to 1999999

_HEADER = struct.Struct("<4si")
_ENTRY = struct.Struct("<iiB")
_RECORD_FIELDS = 4
_MOST_PLACES = 0xFFFF  # what a cell of the flat array can name

_is_area_code = re.compile(r"0[0-9]{2,3}").fullmatch


class Locality(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """A place; "" stands for what is not known.

    `country` is an ISO region, or "" for a number of a global network such as +800.
    """

    province: str = ""
    city: str = ""
    area_code: str = ""
    country: str = "CN"


NOWHERE = Locality()


class PrefixTable(msgspec.Struct, frozen=True):
    """`ids[prefix - FIRST_PREFIX]` indexes `places`; 0 stands for a prefix that the file lacks."""

    ids: Sequence[int]
    places: list[Locality]


def read_table(phone_dat: bytes) -> PrefixTable:
    """The table in a file's bytes.

    Args:
        phone_dat: the whole file.

    Returns:
        Every record as a place, names in normal form, and the flat array of prefixes.

    Raises:
        ValueError: it is not a whole phone.dat; the message says what is wrong with it.
    """
    index_start = _index_start(phone_dat)
    records = _records(phone_dat[_HEADER.size : index_start])
    ids = _ids(phone_dat[index_start:], {offset: at for at, offset in enumerate(records, 1)})
    return PrefixTable(ids, [NOWHERE, *records.values()])


def _index_start(phone_dat: bytes) -> int:
    if len(phone_dat) < _HEADER.size:
        raise ValueError("not a phone.dat: it is shorter than its header")
    start: int = _HEADER.unpack_from(phone_dat)[1]
    if not _HEADER.size < start < len(phone_dat):
        raise ValueError("not a phone.dat: its index would start outside the file")
    if (len(phone_dat) - start) % _ENTRY.size:
        raise ValueError("not a whole phone.dat: it ends within an entry of its index")
    return start


def _records(section: bytes) -> dict[int, Locality]:
    """Each record by its offset in the file."""
    if not section.endswith(b"\0"):
        raise ValueError("not a phone.dat: its last record does not end before the index")
    records: dict[int, Locality] = {}
    offset = _HEADER.size
    for record in section[:-1].split(b"\0"):
        records[offset] = _place(record, offset)
        offset += len(record) + 1
    if len(records) > _MOST_PLACES:
        raise ValueError(f"not a phone.dat: it has more than {_MOST_PLACES} records")
    return records


def _place(record: bytes, offset: int) -> Locality:
    try:
        fields = record.decode().split("|")
    except UnicodeDecodeError as error:
        raise ValueError(f"not a phone.dat: the record at byte {offset} is not UTF-8") from error
    if len(fields) != _RECORD_FIELDS:
        raise ValueError(
            f"not a phone.dat: the record at byte {offset} is not province|city|postcode|area code"
        )
    province, city, _, area_code = fields
    # One record of the published file says 00479 for 0479.
    area_code = "0" + area_code.lstrip("0")
    code = area_code if _is_area_code(area_code) else ""
    return Locality(normal_province(province), normal_city(city), code)


def _ids(index: bytes, id_at: dict[int, int]) -> Sequence[int]:
    ids = array("H", bytes(2 * _PREFIXES))
    for prefix, offset, _ in _ENTRY.iter_unpack(index):
        # A negative position would silently count from the end.
        if not 0 <= prefix - FIRST_PREFIX < _PREFIXES:
            raise ValueError(f"not a phone.dat: its index has the prefix {prefix}")
        if offset not in id_at:
            raise ValueError(f"not a phone.dat: prefix {prefix} points at no record ({offset})")
        ids[prefix - FIRST_PREFIX] = id_at[offset]
    return ids
