"""The mark of a use: the level at which a number was picked, and the stratum of the call.

A ledger keeps it as a text that it does not read, with each use that an outcome may ask for:

    city SCq83vAx2k            level, the callee's province, a token of the group that was asked for
    sticky city SCq83vAx2k     a sticky answer, and what the number is to the callee
    city SCq83vAx2kl7q8        behind the stratum the arm of an experiment, see `arms`
    ccc                        without a stratum: what CCC itself picked

A step bears the tokens of all its pools' groups, in their order; a use that of the first pool that
has the number, with the pick's arm behind it. Pure.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import msgspec

TOKEN = 8  # letters; the Lua has the same figure
PROVINCE = 2  # letters
TOKENS_KNOWN = 4096
ELSEWHERE = "--"  # for callees that have no province

# The codes of ISO 3166-2:CN, by the provinces' names without their rank.
PROVINCES = {
    "北京": "BJ", "天津": "TJ", "河北": "HE", "山西": "SX", "内蒙古": "NM", "辽宁": "LN",
    "吉林": "JL", "黑龙江": "HL", "上海": "SH", "江苏": "JS", "浙江": "ZJ", "安徽": "AH",
    "福建": "FJ", "江西": "JX", "山东": "SD", "河南": "HA", "湖北": "HB", "湖南": "HN",
    "广东": "GD", "广西": "GX", "海南": "HI", "重庆": "CQ", "四川": "SC", "贵州": "GZ",
    "云南": "YN", "西藏": "XZ", "陕西": "SN", "甘肃": "GS", "青海": "QH", "宁夏": "NX",
    "新疆": "XJ", "台湾": "TW", "香港": "HK", "澳门": "MO",
}  # fmt: skip


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A mark as it reads: `shown` is the level that answers and metrics name, perhaps `sticky`.

    `level` is that of the number to this callee, `province` the callee's by its code, `group` the
    token of the group that was asked for. All three are "" where they are not known. `arm` has
    the letters of the callee's arm of an experiment, "" where it is in none.
    """

    shown: str
    level: str = ""
    province: str = ""
    group: str = ""
    arm: str = ""


@lru_cache(maxsize=TOKENS_KNOWN)
def group_token(group: str) -> str:
    """Return what stands for a skill group in marks; "" is the group of an agent's own numbers."""
    return urlsafe_b64encode(blake2b(group.encode(), digest_size=6).digest()).decode()


def step_mark(level: str, province: str, groups: Iterable[str]) -> str:
    """Return the mark of a step: of a level, for callees of a province, a group for each pool."""
    return f"{level} {PROVINCES.get(province, ELSEWHERE)}{''.join(map(group_token, groups))}"


def remarked(mark: str, pools: int, groups: Iterable[str]) -> str:
    """Return the mark of a step like another one, over other groups' pools.

    Args:
        mark: of the other step.
        pools: how many that has.
        groups: of each pool of this step.
    """
    return mark[: len(mark) - TOKEN * pools] + "".join(map(group_token, groups))


def use_mark(mark: str, pools: int, position: int) -> str:
    """Return the mark of a use, from that of its step.

    Args:
        mark: of the step.
        pools: how many it has.
        position: of the first of them that has the number.
    """
    if pools == 1 or " " not in mark:
        return mark
    tokens = len(mark) - TOKEN * pools
    return mark[:tokens] + mark[tokens + TOKEN * position :][:TOKEN]


@lru_cache(maxsize=TOKENS_KNOWN)
def shown_level(mark: str) -> str:
    """Return the level that answers and metrics name."""
    return mark.partition(" ")[0]


@lru_cache(maxsize=TOKENS_KNOWN)
def read_mark(mark: str) -> Mark:
    """Read the mark of a use; what is not known is ""."""
    shown, *words = mark.split(" ")
    if not words:
        return Mark(shown)
    stratum = words[-1]
    level = words[0] if len(words) > 1 else shown
    behind = PROVINCE + TOKEN
    return Mark(shown, level, stratum[:PROVINCE], stratum[PROVINCE:behind], stratum[behind:])
