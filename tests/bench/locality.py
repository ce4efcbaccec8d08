"""What locating costs, and how far the table agrees with libphonenumber's own.

Run `python -m tests.bench.locality` at the top of the checkout, or the file where the package is
installed: half a minute. All prefixes are compared; the timed numbers are a random sample with a
fixed seed. It prints figures and judges none of them.
"""

import gc
import statistics
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import phone
from phonenumbers.geodata import GEOCODE_DATA

from service.locality import Locality, Locator, normal_city, normal_province
from service.locality.table import FIRST_PREFIX, read_table

PHONE_DAT = Path(phone.__file__).with_name("phone.dat").read_bytes()
PREFIXES = range(FIRST_PREFIX, 2_000_000)
BATCHES = 200
BATCH = 200


def say(what: str, figure: object) -> None:
    sys.stdout.write(f"{what:<58}{figure:>14}\n")


def median_ns(locate: Callable[[str], object], numbers: list[str]) -> float:
    """The median over batches of the mean call: a clock read costs a tenth of a call."""
    means = []
    for start in range(0, BATCHES * BATCH, BATCH):
        batch = numbers[start : start + BATCH]
        began = time.perf_counter_ns()
        for number in batch:
            locate(number)
        means.append((time.perf_counter_ns() - began) / BATCH)
    return statistics.median(means)


def build_seconds() -> float:
    began = time.perf_counter()
    Locator(PHONE_DAT)
    return time.perf_counter() - began


def bytes_held() -> int:
    tracemalloc.start()
    locator = Locator(PHONE_DAT)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del locator
    return held


def numbers_dialled(locator: Locator) -> dict[str, list[str]]:
    """Random numbers by how they are dialled; a fixed seed, so runs compare."""
    draw = Random(20231201)
    mobiles = [str(draw.randrange(13_000_000_000, 20_000_000_000)) for _ in range(BATCHES * BATCH)]
    codes = ["010", "021", "0755", "0571", "0996", "0448"]
    landlines = [f"{draw.choice(codes)}{draw.randrange(10**7, 10**8)}" for _ in mobiles]
    return {
        "mobile": mobiles,
        "mobile, as +86 138-…": [f"+86 {number[:3]}-{number[3:]}" for number in mobiles],
        "mobile that the table lacks": [
            number for number in mobiles if locator.unknown_prefix(locator.locate(number))
        ]
        * 10,
        "landline": landlines,
        "landline, as 010-8989 8989": [f"{number[:4]}-{number[4:]}" for number in landlines],
        "foreign": [f"+852{draw.randrange(21_000_000, 22_000_000)}" for _ in mobiles],
    }


def geocoded(prefix: int) -> str:
    """What libphonenumber's Chinese data say of a prefix, by its longest match; "" if nothing."""
    number = f"86{prefix}"
    for length in range(len(number), 3, -1):
        found = GEOCODE_DATA.get(number[:length])
        if found is not None:
            return str(found.get("zh", ""))
    return ""


@cache
def split_names(text: str, provinces: frozenset[str]) -> tuple[str, str]:
    """广东省深圳市 as (广东, 深圳); 北京市 as (北京, 北京); 广东省 as (广东, "")."""
    province = next((name for name in provinces if text.startswith(name)), "")
    if not province or text == f"{province}市":
        return province, province
    rest = text.removeprefix(province)
    for rank in ("维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省"):
        rest = rest.removeprefix(rank)
    return normal_province(province), normal_city(rest)


def compare(ours: dict[int, Locality], locator: Locator) -> Counter[str]:
    provinces = frozenset(place.province for place in ours.values())
    count: Counter[str] = Counter()
    for prefix in PREFIXES:
        place, text = ours.get(prefix), geocoded(prefix)
        count["ours"] += place is not None
        count["theirs"] += bool(text)
        if place is None or not text:
            continue
        province, city = split_names(text, provinces)
        count["both"] += 1
        count["province"] += province == place.province
        count["both, city"] += bool(city)
        count["city"] += bool(city) and (province, city) == (place.province, place.city)
        their_place = locator.place(f"{prefix}0000", province, city)
        count["area code"] += bool(city) and their_place.area_code == place.area_code
    return count


def share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}"


def main() -> None:
    locator = Locator(PHONE_DAT)
    say(
        "build, seconds (median of 5)", f"{statistics.median(build_seconds() for _ in '12345'):.3f}"
    )
    say("flat array, bytes", sys.getsizeof(locator._ids))
    say("held in all, bytes", bytes_held())
    gc.freeze()
    for how, numbers in numbers_dialled(locator).items():
        say(f"locate, median ns: {how}", f"{median_ns(locator.locate, numbers):.0f}")

    table = read_table(PHONE_DAT)
    ours = {FIRST_PREFIX + at: table.places[place] for at, place in enumerate(table.ids) if place}
    count = compare(ours, locator)
    say("prefixes of 13-19 that the table places", count["ours"])
    say("prefixes that libphonenumber's zh data place", count["theirs"])
    say("prefixes that both place", count["both"])
    say("of these, the same province", share(count["province"], count["both"]))
    say("of those with a city in both, the same city", share(count["city"], count["both, city"]))
    say("and the same area code", share(count["area code"], count["both, city"]))


if __name__ == "__main__":
    main()
