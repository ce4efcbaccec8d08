"""A service as an operator has it: some numbers in two places, caps that are soon used up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from service.emulator import Emulator, phone_number, running, skill_groups
from service.settings import CalleeLimits, CalleeRuleSettings, CallerLimits, Selection
from tests.whole.services import (
    CHENGDU_MOBILE,
    SALES,
    SUPPORT,
    Running,
    emulator_of,
    settings_for,
    started,
)

MARKUP = "<img src=x onerror=document.title='run'>"
NUMBERS = [f"028555{last:05d}" for last in range(12)]
USED_UP = NUMBERS[:2]
SELECTION = Selection(
    caller=CallerLimits(max_per_day=2),
    callee=CalleeLimits(
        rules=(CalleeRuleSettings(limit=9, window_seconds=300, kind="sliding"),),
    ),
)


def rows() -> list[dict[str, Any]]:
    """Twelve in Chengdu, one of them of a strange provider; three in Beijing, of which one only
    receives; five in Guangzhou, which serve another group.
    """
    chengdu = [
        phone_number(
            Number=number,
            Province="四川",
            City="成都",
            SkillGroups=skill_groups(SALES),
            Usage="Outbound",
        )
        for number in NUMBERS
    ]
    beijing = [
        phone_number(
            Number=f"010555{last:05d}",
            Province="北京",
            City="北京",
            SkillGroups=skill_groups(SALES),
            Usage="Inbound" if last == 2 else "Outbound",
        )
        for last in range(3)
    ]
    guangzhou = [
        phone_number(
            Number=f"020555{last:05d}",
            Province="广东",
            City="广州",
            SkillGroups=skill_groups(SUPPORT),
            Usage="Bidirection",
        )
        for last in range(5)
    ]
    chengdu[0]["Provider"] = MARKUP
    return chengdu + beijing + guangzhou


@asynccontextmanager
async def operated(
    emulator: Emulator | None = None, *, ready: bool = True, **changes: Any
) -> AsyncIterator[Running]:
    """A service in front of an emulator, which has the rows above unless it is given."""
    async with running(emulator or emulator_of(rows())) as address:
        settings = settings_for(f"http://{address}", selection=SELECTION)
        async with started(replace(settings, **changes), ready=ready) as service:
            yield service


async def use_up(service: Running) -> None:
    """Use up the day's cap of the first two numbers in Chengdu; one of the calls is answered."""
    for _ in range(4):
        status, _ = await service.pick(exclude=NUMBERS[2:], explain=True)
        assert status == 200
    outcome = {"called_number": CHENGDU_MOBILE, "caller_number": USED_UP[0], "result": "answered"}
    reported = {**outcome, "talk_ms": 120_000}
    async with service.client.post(f"{service.url}/v1/outcomes", json=reported) as response:
        assert response.status == 202
