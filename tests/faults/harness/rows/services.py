"""The services and CCC: killed, stopped, overrun, without a number."""

import asyncio
import signal
import time

from tests.faults.harness.figures import Allowed
from tests.faults.harness.row import FAULT_SECONDS, row
from tests.faults.harness.rows.redis import kill_for_a_while
from tests.faults.harness.servers import INSTANCE
from tests.faults.harness.stage import Stage

HEARING_SECONDS = 2  # in which the other replica has heard that there are no numbers

GONE = frozenset(
    {
        *("ClientOSError", "ClientConnectorError", "ServerDisconnectedError"),
        "InventoryUnavailable",  # of a service that starts
    }
)


@row(0, "control: nothing happens", redis="serves")
async def nothing(_stage: Stage) -> None:
    await asyncio.sleep(FAULT_SECONDS)


@row(20, "ten times the load", allowed=Allowed(failures=frozenset({"Overloaded"})))
async def overrun(stage: Stage) -> None:
    normal = stage.clients.rate
    stage.clients.set_rate(10 * normal)
    await asyncio.sleep(FAULT_SECONDS)
    stage.clients.set_rate(normal)


@row(21, "a service is stopped", allowed=Allowed(failures=frozenset({"Overloaded"})))
async def stopped(stage: Stage) -> None:
    stage.services[0].signal(signal.SIGSTOP)
    await asyncio.sleep(FAULT_SECONDS)
    stage.services[0].signal(signal.SIGCONT)


@row(22, "a service is killed", allowed=Allowed(failures=GONE))
async def killed(stage: Stage) -> None:
    for service in stage.services:
        service.kill()
        await asyncio.sleep(0.2)
        service.start()
        await service.ready()


# A number that has left is not shown again, whatever call asks for it.
@row(48, "CCC lists no numbers any more", allowed=Allowed(lost=1.0, differing=0.05, refusals=True))
async def emptied(stage: Stage) -> None:
    rows, stage.emulator.numbers[INSTANCE] = stage.emulator.numbers[INSTANCE], []
    await stage.services[0].refresh()
    stage.emptied = (time.time() + HEARING_SECONDS) * 1000
    await asyncio.sleep(HEARING_SECONDS + FAULT_SECONDS)
    await kill_for_a_while(stage)  # what a process decides alone
    stage.refilled = time.time() * 1000
    stage.emulator.numbers[INSTANCE] = rows
    await stage.services[0].refresh()


ROWS = (overrun, stopped, killed, emptied)
