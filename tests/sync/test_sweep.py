"""The sweep against the emulator: what it reads, and what it does not take for the whole."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ccc.client import CccClient
from service.ccc.payloads import ListedPage
from service.ccc.replies import CccReply
from service.emulator import Emulator, Faults, phone_number, skill_groups
from service.errors import SweepFailed
from service.inventory import Inventory, PhoneNumber
from service.locality import Locator
from service.sync.acceptance import Sweep
from service.sync.sweeping import PageReader, Sweeper
from tests.sync.building import INSTANCE, client_to, emulator_of, names_of, rows

REFUSED = {
    "drop_connection": True,
    "server_error": 503,
    "throttle_every": 1,
    "forbidden": True,
    "code_not_ok": True,
    "missing_data": True,
    "missing_list": True,
    "garbage": True,
    "empty_body": True,
    "truncated": True,
}


@pytest.fixture
def emulator() -> Emulator:
    return emulator_of(rows(450))


@pytest.fixture
async def ccc(emulator: Emulator) -> AsyncIterator[CccClient]:
    async with client_to(emulator) as client:
        yield client


async def swept(ccc: CccClient, locator: Locator) -> Sweep:
    return await Sweeper(ccc, INSTANCE, locator)({})


async def test_every_page_is_read_once(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    sweep = await swept(ccc, locator)
    assert set(sweep.numbers) == names_of(emulator.numbers[INSTANCE])
    assert (sweep.complete, sweep.total) == (True, 450)
    assert emulator.calls["ListPhoneNumbers"] == 5


async def test_a_page_that_says_the_same_as_at_the_last_sweep_is_not_read_again(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    sweeper = Sweeper(ccc, INSTANCE, locator)
    before = (await sweeper({})).numbers
    changed = emulator.numbers[INSTANCE][120] | {"Usage": "Inbound"}
    emulator.numbers[INSTANCE][120] = changed
    sweep = await sweeper({})
    assert (sweep.complete, sweep.total, sweep.numbers.keys()) == (True, 450, before.keys())
    assert sweep.numbers[changed["Number"]].usage == "Inbound"
    again = {number for number, own in sweep.numbers.items() if own is not before[number]}
    assert again == names_of(emulator.numbers[INSTANCE][100:200])


async def test_every_page_is_read_again_once_a_prefix_has_a_place(
    emulator: Emulator, ccc: CccClient, phone_dat: bytes
) -> None:
    emulator.numbers[INSTANCE] = [phone_number(Number="14099991234", City="", Province="")]
    locator = Locator(phone_dat)
    sweeper = Sweeper(ccc, INSTANCE, locator)
    before = (await sweeper({})).numbers["14099991234"]
    locator.learn("1409999", "浙江省", "杭州市")
    after = (await sweeper({"14099991234": before})).numbers["14099991234"]
    assert (before.city, after.city) == ("", "杭州")


async def test_a_row_becomes_a_placed_number(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    emulator.numbers[INSTANCE] = [
        phone_number(
            Number="08335550006",
            Province="四川省",
            City="乐山市",
            Usage="Outbound",
            Active=False,
            SkillGroups=skill_groups("sales@ccc-test"),
            Tags="M1",
            UserId="agent@ccc-test",
            Provider="ali",
        )
    ]
    assert list((await swept(ccc, locator)).numbers.values()) == [
        PhoneNumber(
            number="08335550006",
            province="四川",
            city="乐山",
            area_code="0833",
            usage="Outbound",
            active=False,
            skill_group_ids=("sales@ccc-test",),
            agent_id="agent@ccc-test",
            tags=("M1",),
            provider="ali",
        )
    ]


@pytest.mark.parametrize("fault", ["single_objects", "unquoted_numbers"])
async def test_another_shape_of_the_same_is_read_the_same(
    emulator: Emulator, ccc: CccClient, locator: Locator, fault: str
) -> None:
    emulator.numbers[INSTANCE] = rows(101)
    expected = await swept(ccc, locator)
    emulator.faults = msgspec.convert({fault: True}, Faults)
    assert await swept(ccc, locator) == expected


@pytest.mark.parametrize("fault", REFUSED)
async def test_what_is_no_answer_fails_the_sweep(
    emulator: Emulator, ccc: CccClient, locator: Locator, fault: str
) -> None:
    emulator.faults = msgspec.convert({fault: REFUSED[fault]}, Faults)
    with pytest.raises(SweepFailed):
        await swept(ccc, locator)


async def test_a_page_that_hangs_fails_the_sweep(emulator: Emulator, locator: Locator) -> None:
    async with client_to(emulator, budget=0.1) as impatient:
        emulator.faults = Faults(hang_seconds=5.0)
        with pytest.raises(SweepFailed, match="Timeout"):
            await swept(impatient, locator)


async def test_short_pages_are_not_the_whole(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    emulator.faults = Faults(short_pages=True)
    sweep = await swept(ccc, locator)
    assert not sweep.complete
    assert len(sweep.numbers) == 225


async def test_shifting_pages_are_read_again_and_then_given_up(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    emulator.numbers[INSTANCE] = rows(3000)
    emulator.faults = Faults(shifting_pages=True)
    sweep = await swept(ccc, locator)
    assert not sweep.complete
    assert set(sweep.numbers) < names_of(emulator.numbers[INSTANCE])
    # One page more than there are shows that the full last one is the last.
    assert emulator.calls["ListPhoneNumbers"] == 3 * 31


async def test_an_instance_without_numbers_is_the_whole_too(
    emulator: Emulator, ccc: CccClient, locator: Locator
) -> None:
    emulator.numbers[INSTANCE] = []
    assert await swept(ccc, locator) == Sweep({}, complete=True, total=0)


class Script:
    """Answers each call with the next page of a script: total and numbers."""

    def __init__(self, *pages: tuple[int, range]) -> None:
        self.pages = list(pages)

    async def list_phone_numbers(
        self,
        instance_id: str,
        *,
        page_number: int,
        page_size: int,
        background: bool,
        read: PageReader,
        **filters: str | bool | None,
    ) -> ListedPage:
        assert background
        assert not any(filters.values())
        total, which = self.pages.pop(0)
        numbers = tuple(PhoneNumber(f"0105{n:07}") for n in which)
        return ListedPage(bytes([len(self.pages)]), total, page_number, page_size, numbers)


async def test_a_second_pass_at_rest_is_the_whole(locator: Locator) -> None:
    """Number 0 goes after page 1: 100 moves to page 1, unseen; the total tells."""
    moved = [(150, range(100)), (149, range(101, 150))]
    rest = [(149, range(1, 101)), (149, range(101, 150))]
    script = Script(*moved, *rest)
    sweep = await Sweeper(script, INSTANCE, locator)({})
    assert sweep.complete
    assert len(sweep.numbers) == 149
    assert "01050000000" not in sweep.numbers


async def test_two_passes_that_miss_different_rows_are_the_whole_together(
    locator: Locator,
) -> None:
    script = Script(
        (150, range(100)), (150, range(90, 140)), (150, range(50)), (150, range(100, 150))
    )
    sweep = await Sweeper(script, INSTANCE, locator)({})
    assert sweep.complete
    assert len(sweep.numbers) == 150


async def test_totals_that_differ_are_never_the_whole(locator: Locator) -> None:
    script = Script(*[(150, range(100)), (151, range(100, 150))] * 3)
    assert not (await Sweeper(script, INSTANCE, locator)({})).complete


class Rows:
    """Lists rows of any kind, on one page, as the wire has them."""

    def __init__(self, rows_: list[Any]) -> None:
        self._data = json.dumps({"TotalCount": len(rows_), "List": rows_}).encode()

    async def list_phone_numbers(self, instance_id: str, **asked: Any) -> ListedPage:
        assert (instance_id, asked["page_number"]) == (INSTANCE, 1)
        page: ListedPage = asked["read"](CccReply(code="OK", data=msgspec.Raw(self._data)))
        return page


NUMBERS = ["02855550001", 2855550002, "1064899123456", "+85221234567", "138****8888", "x"]
FLAGS = [True, "true", "perhaps", 1.5, 7, None, ""]
WORDS = ["Outbound", "Inbound", "云南省", "成都市", "a"]
GROUPS = [[], {}, [{"SkillGroupId": "a"}], [{"SkillGroupId": "a"}, 7], {"SkillGroupId": "b"}]
VALUES = st.sampled_from([*NUMBERS, *FLAGS, *WORDS, *GROUPS])
FIELDS = ("Number", "Active", "Usage", "SkillGroups", "UserId", "Province", "City", "Tags")


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES) | VALUES, max_size=40))
def test_of_any_rows_those_that_may_be_shown_are_what_ccc_lists_as_such(
    locator: Locator, listed: list[Any]
) -> None:
    sweep = asyncio.run(Sweeper(Rows(listed), INSTANCE, locator)({}))
    inventory = Inventory(INSTANCE, 1, sweep.numbers.values())
    rows_ = [row for row in listed if isinstance(row, dict)]
    for number in inventory.homes():
        known = [row for row in rows_ if str(row.get("Number")) in (number, number.lstrip("0"))]
        assert any(
            str(row.get("Active")).lower() == "true"
            and row.get("Usage") == "Outbound"
            and (row.get("SkillGroups") or row.get("UserId"))
            for row in known
        )
    assert len(sweep.unreadable) + len(sweep.numbers) <= len(listed)
