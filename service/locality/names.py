"""The one form in which names of provinces and cities compare: 吉林省 is 吉林.

CCC, phone.dat and people name the same place with and without its rank. Not a gazetteer: two
different names of one place (巴州, 库尔勒) stay two names, and the area code joins them.
"""

import re
from functools import lru_cache

KNOWN = 4096  # of the thousands of names that there are, the latest

# The peoples in the names of the thirty autonomous prefectures. 蒙古 and 哈萨克 stand there also
# without 族 (博尔塔拉蒙古自治州, 伊犁哈萨克自治州).
_PEOPLES = (
    "朝鲜族|土家族|苗族|藏族|羌族|彝族|布依族|侗族|壮族|傣族|白族|景颇族|傈僳族|哈尼族|回族"
    "|蒙古族|蒙古|哈萨克族|哈萨克|柯尔克孜族|柯尔克孜"
)

# At least two characters stay, so 沙市 and 津市, which are whole names, keep their 市. The name is
# matched lazily and the rank repeatedly: what stays bears no rank, hence is its own normal form.
_PROVINCE = re.compile(r"(.{2,}?)(?:省|市|(?:壮族|回族|维吾尔)?自治区|特别行政区)+")
_CITY = re.compile(rf"(.{{2,}}?)(?:市|盟|地区|林区|新区|(?:{_PEOPLES})*自治州)+")


# A sweep asks for the same few names over and over; and so each stands in memory once.
@lru_cache(maxsize=KNOWN)
def normal_province(name: str) -> str:
    """A province's name without its rank.

    Args:
        name: as any source has it: 内蒙古自治区, 北京市, 云南, or "" where not known.

    Returns:
        The name that compares: 内蒙古, 北京, 云南, "".
    """
    return _without(_PROVINCE, name)


@lru_cache(maxsize=KNOWN)
def normal_city(name: str) -> str:
    """The name of a city, prefecture or league without its rank.

    Args:
        name: as any source has it: 恩施土家族苗族自治州, 锡林郭勒盟, 昆明, or "" where not known.

    Returns:
        The name that compares: 恩施, 锡林郭勒, 昆明, "".
    """
    return _without(_CITY, name)


def _without(rank: re.Pattern[str], name: str) -> str:
    name = "".join(name.split())
    match = rank.fullmatch(name)
    return match[1] if match else name
