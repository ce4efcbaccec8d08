"""From a number as dialled or listed to its canonical form, the only key anywhere.

The lengths are those of libphonenumber's plan of China, widened where that is behind the network:
any mobile series from 13 to 19, 7 or 8 digits after any 4-digit area code, any first digit of a
subscriber. Not for places, and not for saying why a number is refused: that is `refusal`.

| kind | canonical form |
|---|---|
| mobile | 1, 3-9, nine digits |
| landline | 010 or 02x and 8 digits; 03xx-09xx and 7 or 8, since cities move to 8 one by one |
| toll_free | 400 or 800 and 7 digits |
| service | 95… (5, 6 or 8 digits; 950… 10 or 11), 96… (5, 6), 1010… (8), 12… (5) |
| foreign | + and E.164, valid by libphonenumber's plan of the country |

One of our own numbers may have none of these forms (a carrier's own, a machine's of 13 digits). It
is its own canonical form then, and has no kind.
"""

import re
from typing import Literal

import msgspec
import phonenumbers

from service.errors import InvalidCalledNumber
from service.locality.refusal import EMERGENCY, LONGEST_DIALLED, why_refused

Kind = Literal["mobile", "landline", "toll_free", "service", "foreign"]

# Never isdigit or \d: both take full-width and Arabic-Indic digits. Always fullmatch: $ lets a
# trailing newline through.
is_mobile = re.compile(r"1[3-9][0-9]{9}").fullmatch

LONGEST_OTHER = 20  # digits of a number of no known form; the longest of E.164 have 15

# The forms that follow are matched once spaces and hyphens are out. A mobile has 11 digits, so no
# prefix before it is ambiguous.
_mobile = re.compile(r"(?:(?:\+|00)?86)?0?(1[3-9][0-9]{9})").fullmatch
# 86 without + or 00 is the country code only before a whole number, of 10 digits at least: what is
# shorter and starts with 86 is a local landline.
_in_or_out_of_china = re.compile(
    r"(?:\+|00|(?=86[0-9]{10}))(?P<international>[0-9]+)|(?P<domestic>[0-9]+)"
).fullmatch
# The canonical forms within China. No area code ends in 00, so a 0 before a 400 number is a mistake
# and not an area 0400; none starts with 086, so a country code given twice is none either; none is
# 0950, so a 950 number never looks like a landline that lost its 0.
_canonical = re.compile(
    r"(?P<mobile>1[3-9][0-9]{9})"
    r"|(?P<landline>0(?:10|2[0-9])[0-9]{8}|0(?!86|950)[3-9](?:[0-9][1-9]|[1-9]0)[0-9]{7,8})"
    r"|(?P<toll_free>[48]00[0-9]{7})"
    rf"|(?!(?:{EMERGENCY})$)(?P<service>"
    r"95[0-9]{3,4}|951[0-9]{5}|950[0-9]{7,8}|96[0-9]{3,4}|1010[0-9]{4}|12[0-9]{3})"
).fullmatch
# The beginning of such a number that tells where it is at home; other digits make it whole.
_root = re.compile(
    r"1[3-9][0-9]{5}(?=[0-9]{4}\Z)"
    r"|0(?:10|2[0-9])(?=[0-9]{8}\Z)|0(?!86|950)[3-9](?:[0-9][1-9]|[1-9]0)(?=[0-9]{7,8}\Z)"
    r"|[48]00(?=[0-9]{7}\Z)"
).match
# One of our own of no form above: five digits or more, but no emergency number, nor zeros alone.
_other = re.compile(
    rf"(?!(?:(?:\+|00)?86|\+)?(?:{EMERGENCY}|0+)$)\+?[0-9]{{5,{LONGEST_OTHER}}}"
).fullmatch


class Number(msgspec.Struct, frozen=True, gc=False):
    """A number in canonical form; `country` is an ISO region, "" for a global network."""

    digits: str
    kind: Kind
    country: str = "CN"


def read_dialled(dialled: str) -> Number:
    """The number that a client asks to call.

    Args:
        dialled: as dialled, with ASCII spaces, hyphens and any of +86, 0086, 86, trunk 0.

    Returns:
        The number in canonical form.

    Raises:
        InvalidCalledNumber: it cannot be dialled; the reason does not repeat the number.
    """
    number = _read(dialled, zero_lost=False)
    if number is None:
        raise InvalidCalledNumber(why_refused(dialled))
    return number


def restore_number(number: str | int) -> str:
    """The form in which one of our own numbers is a key everywhere, and is shown.

    CCC decides which numbers we have: digits of no known form stay as they are.

    Args:
        number: as listed by CCC, text or integer, perhaps with 86, +86 or 0086.

    Returns:
        The canonical form where there is one, else the digits as they came.

    Raises:
        ValueError: it is masked or no number; the message does not repeat it.
    """
    if isinstance(number, str) and _canonical(number):  # as nearly all that CCC lists are
        return number
    try:
        return canonical_number(number)
    except ValueError:
        digits = _without_gaps(str(number))
        if _other(digits) is None:
            raise
        return digits


def canonical_number(number: str | int) -> str:
    """The canonical form of one of our own numbers that has a known form.

    A landline may lack its leading 0: CCC's own example lists 010 8989 8989 as an integer.

    Args:
        number: text, or an integer where CCC's JSON leaves the quotes out.

    Returns:
        The number in canonical form.

    Raises:
        ValueError: it is masked or of no known form; the message does not repeat it.
    """
    text = str(number)
    if (read := _read(text, zero_lost=True)) is None:
        raise ValueError(f"a listed number is unusable: {why_refused(text)}")
    return read.digits


def kind_of(number: str) -> Kind | None:
    """The kind of a number in canonical form; None for one of no form of China's."""
    match = _canonical(number)
    return match.lastgroup if match else None  # type: ignore[return-value]  # named by the kinds


def is_same_number(told: str, number: str) -> bool:
    """Return whether CCC speaks of a number, in whatever form.

    Args:
        told: as CCC has it: with or without 86, +86, a leading 0, as dialled or as an integer.
        number: in canonical form.
    """
    if told == number.removeprefix("+"):  # an integer has none
        return True
    try:
        return restore_number(told) == number
    except ValueError:
        return False


def root_of(number: str) -> str:
    """The digits at the beginning of a number that tell where it is at home.

    The prefix of a mobile, the area code of a landline, 400 or 800; "" for any other.
    """
    match = _root(number)
    return match[0] if match else ""


def area_code_of(landline: str) -> str:
    """The area code that a canonical landline starts with: 010 and 02x have three digits."""
    return landline[:3] if landline[1] in "12" else landline[:4]


def _read(text: str, *, zero_lost: bool) -> Number | None:
    if len(text) > LONGEST_DIALLED:
        return None
    digits = _without_gaps(text)
    if mobile := _mobile(digits):
        return Number(mobile[1], "mobile")
    parts = _in_or_out_of_china(digits)
    if parts is None:
        return None
    if parts.lastgroup == "international":
        return _international(parts["international"])
    domestic = parts["domestic"]
    return _domestic(domestic) or (_domestic("0" + domestic) if zero_lost else None)


def _international(digits: str) -> Number | None:
    if digits.startswith("86"):
        return _domestic(digits[2:]) or _domestic("0" + digits[2:])
    try:
        parsed = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    region = phonenumbers.region_code_for_number(parsed) or ""
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    # 001 is libphonenumber's mark of numbers that belong to no country, such as +800.
    return Number(e164, "foreign", "" if region == "001" else region)


def _domestic(digits: str) -> Number | None:
    kind = kind_of(digits)
    return Number(digits, kind) if kind else None


def _without_gaps(text: str) -> str:
    return text.replace(" ", "").replace("-", "")
