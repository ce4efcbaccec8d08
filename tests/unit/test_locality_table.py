"""The reader of phone.dat, on the bundled file and on broken ones."""

import re
import struct
from functools import cache
from pathlib import Path

import phone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.locality import normal_city, normal_province
from service.locality.table import FIRST_PREFIX, NOWHERE, Locality, PrefixTable, read_table

PHONE_DAT = Path(phone.__file__).with_name("phone.dat")

RECORD = "云南|昆明|650000|0871".encode()


def phone_dat(
    *entries: tuple[int, int], records: bytes = RECORD + b"\0", start: int | None = None
) -> bytes:
    index = b"".join(struct.pack("<iiB", prefix, offset, 1) for prefix, offset in entries)
    return struct.pack("<4si", b"2312", start or 8 + len(records)) + records + index


@cache
def bundled() -> PrefixTable:
    return read_table(PHONE_DAT.read_bytes())


@cache
def oracle() -> phone.Phone:
    return phone.Phone()


def place_of(table: PrefixTable, prefix: int) -> Locality:
    return table.places[table.ids[prefix - FIRST_PREFIX]]


GOOD = (1388888, 8)

BROKEN = [
    (b"", "shorter than its header"),
    (b"2312", "shorter than its header"),
    (struct.pack("<4si", b"2312", -1) + RECORD, "outside the file"),
    (struct.pack("<4si", b"2312", 4) + RECORD, "outside the file"),
    (struct.pack("<4si", b"2312", 8), "outside the file"),
    (phone_dat(GOOD, start=10_000), "outside the file"),
    (phone_dat(), "outside the file"),
    (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "outside the file"),
    (phone_dat(GOOD)[:-1], "ends within an entry"),
    (phone_dat(GOOD) + b"\n", "ends within an entry"),
    (phone_dat(GOOD, records=RECORD), "does not end before the index"),
    (phone_dat(GOOD, records="云南|昆明".encode("gbk") + b"\0"), "byte 8 is not UTF-8"),
    (phone_dat(GOOD, records="云南|昆明\0".encode()), "byte 8 is not province"),
    (phone_dat(GOOD, records=RECORD + b"\0\0"), f"byte {9 + len(RECORD)} is not province"),
    (phone_dat((0, 8)), "has the prefix 0"),
    (phone_dat((-1, 8)), "has the prefix -1"),
    (phone_dat((1299999, 8)), "has the prefix 1299999"),
    (phone_dat((2000000, 8)), "has the prefix 2000000"),
    (phone_dat((1388888, 9)), "points at no record"),
    (phone_dat((1388888, -8)), "points at no record"),
    (phone_dat((1388888, 2**31 - 1)), "points at no record"),
    (phone_dat(GOOD, records=b"|||\0" * 65536), "more than 65535 records"),
]


@pytest.mark.parametrize(("content", "what"), BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_phone_dat_is_refused_and_told_why(content: bytes, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_table(content)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_never_crash_the_reader(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"phone\.dat"):
        read_table(content)


@given(st.integers(0, 8 + len(RECORD) + 9))
def test_every_truncation_of_a_good_file_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"phone\.dat"):
        read_table(phone_dat(GOOD)[:length])


def test_the_first_and_the_last_possible_prefix_have_their_places() -> None:
    records = RECORD + "\0北京市|北京市|100000|010\0".encode()
    table = read_table(phone_dat((1300000, 8), (1999999, 9 + len(RECORD)), records=records))
    assert place_of(table, 1300000) == Locality("云南", "昆明", "0871")
    assert place_of(table, 1999999) == Locality("北京", "北京", "010")
    assert place_of(table, 1388888) == NOWHERE


@pytest.mark.parametrize(
    ("written", "read"),
    [("0479", "0479"), ("00479", "0479"), ("10", "010"), ("", ""), ("0", ""), ("无", "")],
)
def test_an_area_code_is_mended_or_left_out(written: str, read: str) -> None:
    table = read_table(phone_dat(GOOD, records=f"内蒙古|锡林郭勒|026000|{written}\0".encode()))
    assert place_of(table, 1388888) == Locality("内蒙古", "锡林郭勒", read)


def test_the_bundled_file_is_read_whole() -> None:
    table = bundled()
    assert sum(map(bool, table.ids)) == 499_527
    assert len(set(table.ids) - {0}) == 362


def test_every_place_of_the_bundled_file_has_a_province_a_city_and_a_plausible_area_code() -> None:
    for place in bundled().places[1:]:
        assert place.province
        assert place.city
        assert re.fullmatch(r"010|02[0-9]|0[3-9][0-9]{2}", place.area_code)


@given(st.integers(1300000, 1999999))
def test_every_prefix_has_the_place_that_the_phone_package_finds(prefix: int) -> None:
    found = oracle().find(prefix)
    place = place_of(bundled(), prefix)
    if found is None:
        assert place == NOWHERE
        return
    assert place.province == normal_province(found["province"])
    assert place.city == normal_city(found["city"])
    assert int(place.area_code) == int(found["area_code"])
