"""Say why a called number is refused and what to do, never repeating the number.

Only consulted once `number` has refused: it decides nothing. The first pattern that fits speaks.
"""

import re

# Bounds every later step. The longest dialable form, 00 and 15 digits, leaves room for separators.
LONGEST_DIALLED = 32

# 110, 119, 120, 122 by the Chinese plan; 12110 police by text, 12119 and 95119 forest fires,
# 12122 motorway rescue, 12395 rescue at sea; 112, 911 and 999 reach help from handsets, from
# abroad and in Beijing.
EMERGENCY = "110|112|119|120|122|911|999|12110|12119|12122|12395|95119"

# Of the text as it came.
_OF_TEXT = (
    (r"[ -]*", "is empty; give the number as it would be dialled"),
    (r".*[^\x00-\x7f].*", "has a character outside ASCII, perhaps invisible; send the digits 0-9"),
    (r".*[\x00-\x1f\x7f].*", "has a line break or another control character; send digits alone"),
    (r".*[A-Za-z].*", "has letters; send the digits alone, without tel:, sip: or an extension"),
    (r".*\*.*", "is masked or has a dial code; send the whole number in digits"),
    (
        r".*[^0-9+ -].*",
        "has a character other than digits, spaces, hyphens and a leading +; send digits alone",
    ),
    (r".*[^ -].*\+.*", "has a + that does not come first; write + once, before the country code"),
)

_CN = r"(?:(?:\+|00)?86)?"

# Of what remains without spaces and hyphens, surest first.
_OF_DIGITS = (
    (rf"{_CN}(?:{EMERGENCY})", "is an emergency number; those are never called"),
    (
        r"(?:(?:\+|00)86)?[0-9]{1,6}",
        "is a short code, or lacks digits: short codes are never called; give the whole number",
    ),
    (
        r"(?:\+|00)(?!86).*",
        "is no valid number of any country; check the country code and the length",
    ),
    (rf"{_CN}0?1[3-9].*", "starts as a mobile number, and those have 11 digits"),
    (
        rf"{_CN}0(?:10|2[0-9]).*",
        "starts with a 3-digit area code, which 8 digits must follow",
    ),
    (
        rf"{_CN}0[3-9]00.*",
        "has a 0 before 400 or the like, which takes none; leave it out",
    ),
    (
        rf"{_CN}0(?!86|950)[3-9].*",
        "starts with a 4-digit area code, which 7 or 8 digits must follow",
    ),
    (r"[2-9][0-9]{6,7}", "is a landline without its area code; put it first, 0 included"),
    (
        r"(?:10|2[0-9])[0-9]{8}|[3-9][0-9]{9,10}",
        "lacks the 0 of its area code, or the + of its country code",
    ),
)

_OTHERWISE = (
    "is no Chinese mobile, landline, 400 or service number; a number of another country needs a +"
    " and its country code"
)


def why_refused(dialled: str) -> str:
    """Name what is wrong with a number that was refused, and what to do.

    Args:
        dialled: the number as it came.

    Returns:
        A clause without a subject and without any digit of the number.
    """
    if len(dialled) > LONGEST_DIALLED:
        return f"is longer than {LONGEST_DIALLED} characters; send one number alone"
    digits = dialled.replace(" ", "").replace("-", "")
    return _first(_OF_TEXT, dialled) or _first(_OF_DIGITS, digits) or _OTHERWISE


def _first(reasons: tuple[tuple[str, str], ...], text: str) -> str:
    fitting = (why for pattern, why in reasons if re.fullmatch(pattern, text, re.DOTALL))
    return next(fitting, "")
