"""Numbers as dialled and as listed, and the one form they take."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidCalledNumber
from service.locality.number import (
    canonical_number,
    kind_of,
    read_dialled,
    restore_number,
    root_of,
)

CANONICAL = {
    "mobile": r"1[3-9][0-9]{9}",
    "landline": r"0(?:10|2[0-9])[0-9]{8}|0(?!86|950)[3-9](?!00)[0-9]{2}[0-9]{7,8}",
    "toll_free": r"[48]00[0-9]{7}",
    "service": r"(?:95|96|12)[0-9]{3,9}|1010[0-9]{4}",
    "foreign": r"\+[1-9][0-9]{4,14}",
}

WAYS_TO_DIAL_ONE_MOBILE = [
    "13800138000",
    "+8613800138000",
    "008613800138000",
    "8613800138000",
    "013800138000",
    "+86013800138000",
    "138 0013 8000",
    "138-0013-8000",
    "+86 138-0013-8000",
    "0086 138 0013 8000",
    "  13800138000 ",
    "-13800138000-",
    "+ 86 13800138000",
]

WAYS_TO_DIAL_ONE_LANDLINE = [
    "01089898989",
    "010-8989 8989",
    "+861089898989",
    "+8601089898989",
    "00861089898989",
    "008601089898989",
    "861089898989",
    "8601089898989",
]

DIALLED = [
    ("0755-12345678", "075512345678", "landline"),
    ("0996-1234567", "09961234567", "landline"),
    ("+86 951 1234567", "09511234567", "landline"),
    ("0448 1234567", "04481234567", "landline"),
    ("19912345678", "19912345678", "mobile"),
    ("16212345678", "16212345678", "mobile"),
    ("400-123-4567", "4001234567", "toll_free"),
    ("+864001234567", "4001234567", "toll_free"),
    ("864001234567", "4001234567", "toll_free"),
    ("800 810 1234", "8008101234", "toll_free"),
    ("95588", "95588", "service"),
    ("+8695588", "95588", "service"),
    ("955880", "955880", "service"),
    ("95105105", "95105105", "service"),
    ("95013123456", "95013123456", "service"),
    ("96110", "96110", "service"),
    ("1010 8888", "10108888", "service"),
    ("12345", "12345", "service"),
    ("12306", "12306", "service"),
    ("+85221234567", "+85221234567", "foreign"),
    ("00 852 2123 4567", "+85221234567", "foreign"),
    ("+1 202-555-0123", "+12025550123", "foreign"),
    ("+44 20 7946 0958", "+442079460958", "foreign"),
    ("+44 020 7946 0958", "+442079460958", "foreign"),
    ("+80012345678", "+80012345678", "foreign"),
]

REFUSED = [
    ("", "empty"),
    ("   ", "empty"),
    ("-", "empty"),
    ("１３８００１３８０００", "outside ASCII"),
    ("١٣٨٠٠١٣٨٠٠٠", "outside ASCII"),
    ("1380013800⁰", "outside ASCII"),
    ("138\u00a000138000", "outside ASCII"),
    ("13800138000\u200b", "outside ASCII"),
    ("\u200f13800138000", "outside ASCII"),
    ("138–0013–8000", "outside ASCII"),
    ("＋8613800138000", "outside ASCII"),
    ("\ud800", "outside ASCII"),
    ("13800138000\n", "line break"),
    ("\r\n13800138000", "line break"),
    ("138\t00138000", "control character"),
    ("13800138000\0", "control character"),
    ("*1\r\n$4\r\nPING\r\n", "line break"),
    ("1380013800O", "letters"),
    ("tel:13800138000", "letters"),
    ("sip:13800138000@a.cn", "letters"),
    ("13800138000 ext 5", "letters"),
    ("{x}", "letters"),
    ("0100xxxx008", "letters"),
    ("*", "masked or has a dial code"),
    ("138****8888", "masked or has a dial code"),
    (":", "other than digits"),
    ("(010)89898989", "other than digits"),
    ("{}", "other than digits"),
    ("13800138000,", "other than digits"),
    ("13800138000#", "other than digits"),
    ("+86+8613800138000", "does not come first"),
    ("86+13800138000", "does not come first"),
    ("++8613800138000", "does not come first"),
    ("1" * 33, "longer than 32"),
    ("1" * 10240, "longer than 32"),
    ("110", "emergency"),
    ("119", "emergency"),
    ("120", "emergency"),
    ("122", "emergency"),
    ("1-1-0", "emergency"),
    ("+86110", "emergency"),
    ("0086 120", "emergency"),
    ("86119", "emergency"),
    ("112", "emergency"),
    ("911", "emergency"),
    ("999", "emergency"),
    ("12110", "emergency"),
    ("12119", "emergency"),
    ("12122", "emergency"),
    ("12395", "emergency"),
    ("95119", "emergency"),
    ("100", "short code"),
    ("114", "short code"),
    ("10086", "short code"),
    ("+8610086", "short code"),
    ("010110", "short code"),
    ("1010", "short code"),
    ("123456", "short code"),
    ("1380013800", "11 digits"),
    ("138001380001", "11 digits"),
    ("+861380013800", "11 digits"),
    ("01380013800", "11 digits"),
    ("12345678901", "no Chinese"),
    ("10641234567", "no Chinese"),
    ("8686138001380", "no Chinese"),
    ("0861-1234567", "no Chinese"),
    ("+868613800138000", "no Chinese"),
    ("89898989", "without its area code"),
    ("8989898", "without its area code"),
    ("8695588", "without its area code"),
    ("1089898989", "lacks the 0"),
    ("7551234567", "lacks the 0"),
    ("85221234567", "+ of its country code"),
    ("0101234567", "3-digit area code"),
    ("010123456789", "3-digit area code"),
    ("010-12345", "3-digit area code"),
    ("0755-123456", "4-digit area code"),
    ("0755-123456789", "4-digit area code"),
    ("04001234567", "leave it out"),
    ("+", "country"),
    ("+1911", "country"),
    ("+852999", "country"),
    ("+852123", "country"),
    ("+99912345678", "country"),
    ("00013800138000", "country"),
    ("+0013800138000", "country"),
    ("+008613800138000", "country"),
]


def all_example_numbers() -> list[str]:
    examples = (phonenumbers.example_number(region) for region in phonenumbers.SUPPORTED_REGIONS)
    e164 = phonenumbers.PhoneNumberFormat.E164
    formatted = {
        phonenumbers.format_number(example, e164) for example in examples if example is not None
    }
    return sorted(number for number in formatted if not number.startswith("+86"))


dialled_text = st.from_regex(r"(\+|00)?(86)?[0 -]?([0-9][ -]?){0,13}", fullmatch=True)
dialable = st.one_of(
    dialled_text,
    *(st.from_regex(pattern, fullmatch=True) for pattern in CANONICAL.values()),
    st.sampled_from(all_example_numbers()),
)


@pytest.mark.parametrize("dialled", WAYS_TO_DIAL_ONE_MOBILE)
def test_every_way_to_dial_a_mobile_gives_one_number(dialled: str) -> None:
    number = read_dialled(dialled)
    assert (number.digits, number.kind) == ("13800138000", "mobile")


@pytest.mark.parametrize("dialled", WAYS_TO_DIAL_ONE_LANDLINE)
def test_every_way_to_dial_a_landline_gives_one_number(dialled: str) -> None:
    number = read_dialled(dialled)
    assert (number.digits, number.kind) == ("01089898989", "landline")


@pytest.mark.parametrize(("dialled", "canonical", "kind"), DIALLED)
def test_each_kind_has_its_canonical_form(dialled: str, canonical: str, kind: str) -> None:
    number = read_dialled(dialled)
    assert (number.digits, number.kind) == (canonical, kind)


@pytest.mark.parametrize(("dialled", "why"), REFUSED)
def test_what_cannot_be_dialled_is_refused_and_told_why(dialled: str, why: str) -> None:
    with pytest.raises(InvalidCalledNumber) as refusal:
        read_dialled(dialled)
    assert why in refusal.value.detail


@pytest.mark.parametrize("dialled", [text for text, _ in REFUSED if len(text) > 4])
def test_a_refusal_never_repeats_the_number(dialled: str) -> None:
    with pytest.raises(InvalidCalledNumber) as refusal:
        read_dialled(dialled)
    assert dialled.strip() not in refusal.value.detail
    assert not re.search(r"[0-9]{4}", refusal.value.detail)


@pytest.mark.parametrize(
    "series", [f"1{second}{third}" for second in "3456789" for third in range(10)]
)
def test_every_mobile_series_is_dialable(series: str) -> None:
    assert read_dialled(f"{series}12345678").kind == "mobile"


@pytest.mark.parametrize("dialled", all_example_numbers())
def test_an_example_number_of_every_other_country_is_foreign_and_stays_itself(dialled: str) -> None:
    number = read_dialled(dialled)
    assert number.kind == "foreign"
    assert number.country != "CN"
    assert read_dialled(number.digits) == number


@given(dialable)
def test_a_canonical_number_is_its_own_canonical_form(dialled: str) -> None:
    try:
        number = read_dialled(dialled)
    except InvalidCalledNumber:
        return
    assert read_dialled(number.digits) == number
    assert restore_number(number.digits) == number.digits


@given(dialable)
def test_what_is_accepted_has_the_form_of_its_kind(dialled: str) -> None:
    try:
        number = read_dialled(dialled)
    except InvalidCalledNumber:
        return
    assert re.fullmatch(CANONICAL[number.kind], number.digits)
    assert re.fullmatch(r"\+?[0-9]+", number.digits)


@given(st.text(max_size=40))
def test_only_ascii_digits_spaces_hyphens_and_a_plus_are_ever_accepted(dialled: str) -> None:
    try:
        read_dialled(dialled)
    except InvalidCalledNumber:
        return
    assert re.fullmatch(r"[0-9 +-]{1,32}", dialled)


@given(
    st.sampled_from(["13800138000", "01089898989", "+85221234567", "95588"]),
    st.characters(exclude_characters=" -0123456789+"),
    st.integers(0, 12),
)
def test_one_foreign_character_anywhere_refuses_a_good_number(good: str, bad: str, at: int) -> None:
    with pytest.raises(InvalidCalledNumber):
        read_dialled(good[:at] + bad + good[at:])


@given(st.sampled_from(["13800138000", "01089898989", "4001234567"]), st.data())
def test_separators_change_nothing(good: str, data: st.DataObject) -> None:
    separators = st.sampled_from(["", "", " ", "-"])
    spaced = "".join(digit + data.draw(separators) for digit in good)
    assert read_dialled(spaced).digits == good


@pytest.mark.parametrize(
    ("listed", "canonical"),
    [
        (1089898989, "01089898989"),
        (" 10-8989-8989", "01089898989"),
        ("01089898989", "01089898989"),
        (861089898989, "01089898989"),
        ("+8601089898989", "01089898989"),
        ("00861089898989", "01089898989"),
        (75512345678, "075512345678"),
        (8330011123, "08330011123"),
        ("083300111234", "083300111234"),
        (13888888888, "13888888888"),
        ("8613888888888", "13888888888"),
        ("+8613888888888", "13888888888"),
        (4001234567, "4001234567"),
        (95588, "95588"),
        (9511234567, "09511234567"),
        (9501234567, "9501234567"),
        (10108888, "10108888"),
        ("+85221234567", "+85221234567"),
        ("0085221234567", "+85221234567"),
    ],
)
def test_a_listed_number_gets_its_canonical_form_back(listed: str | int, canonical: str) -> None:
    assert restore_number(listed) == canonical


@pytest.mark.parametrize(
    "listed",
    ["0833****", "08330011****", "083xxxx0011", "0100xxxx008", "", "无", 0, 110, 12, "8989"],
)
def test_a_masked_or_senseless_listed_number_is_no_number(listed: str | int) -> None:
    with pytest.raises(ValueError, match="a listed number is unusable") as refusal:
        restore_number(listed)
    assert str(listed) not in str(refusal.value) or not listed


@pytest.mark.parametrize(
    "listed",
    ["1064899123456", "95013", "9501312345678", "123456", "0064123", "+85212", "012345678901"],
)
def test_a_number_of_ours_of_an_unknown_form_stays_as_it_is_and_has_no_kind(listed: str) -> None:
    assert restore_number(listed) == listed
    assert kind_of(listed) in (None, "service")


@pytest.mark.parametrize(
    "given_number", ["12110", "+86110", "8612122", "00000", "+0000000", "1" * 21, "8989", "1 2-3"]
)
def test_no_emergency_number_no_zeros_and_nothing_too_short_or_long_is_ours(
    given_number: str,
) -> None:
    with pytest.raises(ValueError, match="unusable"):
        restore_number(given_number)


@pytest.mark.parametrize("given_number", ["1064899123456", "123456", "+85212"])
def test_only_a_known_form_is_canonical(given_number: str) -> None:
    with pytest.raises(ValueError, match="unusable"):
        canonical_number(given_number)
    assert canonical_number("010-8989 8989") == "01089898989"


@given(st.from_regex(CANONICAL["landline"], fullmatch=True))
def test_a_landline_that_lost_its_zero_gets_it_back(landline: str) -> None:
    assert restore_number(int(landline)) == landline


@pytest.mark.parametrize(
    ("number", "root"),
    [
        ("13888888888", "1388888"),
        ("138888888888", ""),
        ("13888888888\n", ""),
        ("01089898989", "010"),
        ("0108989898", ""),
        ("02812345678", "028"),
        ("08330011000", "0833"),
        ("0833001100", ""),
        ("083300110001", "0833"),
        ("08612345678", ""),
        ("09501234567", ""),
        ("4001234567", "400"),
        ("8001234567", "800"),
        ("95588", ""),
        ("1064899123456", ""),
        ("+85221234567", ""),
    ],
)
def test_the_root_of_a_number_tells_where_it_is_at_home(number: str, root: str) -> None:
    assert root_of(number) == root
    assert bool(root) == (kind_of(number) in {"mobile", "landline", "toll_free"})
