"""What the tests of the dialers have in common: a service with rules that calls meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from service.emulator import running
from service.settings import (
    CalleeLimits,
    CalleeRuleSettings,
    CallerLimits,
    Selection,
    SipAction,
)
from tests.whole.services import Running, chengdu_numbers, emulator_of, settings_for, started

# Called numbers that are more than that to a dial string, a shell, a dialplan or a header.
HOSTILE = (
    "13880001234&SIP/1@198.51.100.7",
    "13880001234,60,A(x)",
    "13880001234@198.51.100.7",
    "13880001234/1",
    "1388${SHELL(id)}",
    "1388$(id)`id`",
    "1388'\"\\",
    "13880001234;phone-context=x",
    "13880001234|1",
    "1388]bridge(x)",
    "138 8000 1234",
    "13880001234\r\nX-Injected: 1",
    "13880001234\n1",
    "13880001234%0d%0aX: 1",
    "+",
    "1+3880001234",
    "１３８８０００１２３４",
)

ONE_CALL_EACH = Selection(caller=CallerLimits(max_concurrent=1))
ONE_PER_CALLEE = Selection(
    callee=CalleeLimits(rules=(CalleeRuleSettings(limit=1, window_seconds=300, kind="sliding"),))
)


@asynccontextmanager
async def stopping_at(sip_code: int) -> AsyncIterator[Running]:
    """A service of one number that calls nobody again of whom this SIP code was told."""
    async with running(emulator_of(chengdu_numbers(1))) as address:
        settings = settings_for(f"http://{address}", selection=ONE_CALL_EACH)
        actions = {sip_code: SipAction("stop_callee", 3600)}
        async with started(replace(settings, sip_actions=actions)) as service:
            yield service


async def is_stopped(service: Running) -> bool:
    """Whether the callee may be called no more."""
    status, answer = await service.pick()
    return status == 429 and answer["code"] == "CalleeBudgetExceeded"


def told(service: Running, result: str) -> float:
    """How many calls came to this result."""
    registry = service.service.metrics.registry
    labels = {"instance": "ccc-test", "match": "city", "result": result}
    return registry.get_sample_value("callerid_outcomes_total", labels) or 0
