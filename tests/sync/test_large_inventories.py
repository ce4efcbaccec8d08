"""60,000 numbers in one instance, against the emulator and its paging limits."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from service.ccc.parameters import Params
from service.emulator import actions, phone_number, skill_groups
from service.errors import SweepFailed
from service.locality import Locator
from service.sync.sweeping import Sweeper, splitting
from service.sync.sweeping import course as course_module
from service.sync.sweeping import reading as reading_module
from tests.sync.building import INSTANCE, Replica, client_to, emulator_of, names_of, rows

# Thousands of steps: counting their lines triples their time, and other tests reach them too.
pytestmark = pytest.mark.no_cover

USAGES = ("Outbound", "Bidirection", "Bidirection", "Inbound")
AREA_CODES = ("021", "0755", "0571", "0512", "0311", "0371", "0731", "0851", "0931", "0991")
LEAST_OF_MANY = 600

real_filter = actions._filtered


def spread_unevenly() -> list[dict[str, Any]]:
    """40,000 numbers under 010, bought in blocks, and 20,000 under ten other codes."""
    randomness = Random(1)
    blocks = [f"010{block:05}" for block in randomness.sample(range(20_000, 90_000), 40)]
    numbers = [f"{block}{last:03}" for block in blocks for last in range(1000)]
    for code in AREA_CODES:
        width = 11 - len(code)
        last = randomness.sample(range(2 * 10 ** (width - 1), 9 * 10 ** (width - 1)), 2000)
        numbers += [f"{code}{each}" for each in last]
    group = skill_groups("sales@ccc-test")
    return [
        phone_number(
            Number=number,
            Usage=randomness.choice(USAGES),
            Active=randomness.random() < 0.95,
            SkillGroups=group,
        )
        for number in randomness.sample(numbers, len(numbers))
    ]


class Restless(list[dict[str, Any]]):
    """Rows of which one comes or goes with every 40th call, while it is `moving`.

    What a filter lets through is remembered until then: the emulator looks it up for each page.
    """

    def __init__(self, numbers: list[dict[str, Any]]) -> None:
        super().__init__(numbers)
        self.moving = False
        self.gone: set[str] = set()
        self._randomness = Random(2)
        self._calls = 0
        self._found: dict[tuple[str, ...], Sequence[dict[str, Any]]] = {}

    def filtered(self, params: Params, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        self._calls += 1
        if self.moving and self._calls % 40 == 0:
            self._come_or_go()
        key = tuple(params.get(name, "") for name in ("SearchPattern", "Usage", "Active"))
        if key not in self._found:
            self._found[key] = list(real_filter(params, rows))
        return self._found[key]

    def _come_or_go(self) -> None:
        self._found.clear()
        if self._calls % 80:
            self.gone.add(self.pop(self._randomness.randrange(len(self)))["Number"])
        else:
            self.append(rows(1, self._calls)[0])


async def test_sixty_thousand_numbers_are_kept_whole_while_some_come_and_go(
    locator: Locator, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = Restless(spread_unevenly())
    monkeypatch.setattr(actions, "_filtered", numbers.filtered)
    at_first = names_of(list(numbers))
    emulator = emulator_of(numbers)
    async with client_to(emulator) as ccc:
        replica = Replica(ccc, locator, None)
        report = await replica.keeper.refresh()
        assert (report.result, report.total) == ("accepted", 60_000)
        assert replica.names == at_first
        assert emulator.calls["ListPhoneNumbers"] < 1.5 * LEAST_OF_MANY
        numbers.moving = True
        emulator.calls.clear()
        await replica.keeper.refresh()
        assert emulator.calls["ListPhoneNumbers"] < 1.5 * LEAST_OF_MANY
        assert replica.names >= at_first - numbers.gone
        numbers.moving = False
        assert (await replica.keeper.refresh()).result == "accepted"
        at_last = names_of(list(numbers))
        assert at_last <= replica.names
        assert at_first & numbers.gone - replica.names
        # Who went after it was seen needs one more sweep to be gone.
        assert replica.names - at_last < numbers.gone


async def test_what_no_filter_reaches_fails_loudly(
    locator: Locator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that so many others hold, of its usage and activity too, that it is not listed."""
    for module in (splitting, reading_module, course_module):
        monkeypatch.setattr(module, "MOST_NUMBERS", 100)
    hidden = phone_number(Number="95123")
    emulator = emulator_of([phone_number(Number=f"01095123{n:03}") for n in range(150)] + [hidden])
    async with client_to(emulator) as ccc:
        with pytest.raises(SweepFailed, match="CCC lists 151 numbers and its filters reach 150"):
            await Sweeper(ccc, INSTANCE, locator)({})
