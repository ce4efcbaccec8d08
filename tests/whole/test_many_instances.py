"""Many instances in one process: each by its own means, and none waits for another that fails."""

from contextlib import AsyncExitStack
from typing import Any

import pytest
from msgspec.structs import replace

from service.emulator import Emulator, Faults, running
from service.settings import (
    CallerLimits,
    InstanceCcc,
    InstanceSettings,
    Secret,
    Selection,
    Settings,
)
from tests.waiting import eventually
from tests.whole.services import (
    KEY,
    SECRET,
    chengdu_numbers,
    emulator_of,
    settings_for,
    started,
)

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

GOOD = [f"good-{n}" for n in range(20)]


def emulator_for(*instances: str, faults: Faults | None = None) -> Emulator:
    emulator = emulator_of(chengdu_numbers(3))
    (rows,) = emulator.numbers.values()
    emulator.numbers = {name: list(rows) for name in instances}
    emulator.faults = faults or Faults()
    return emulator


def instance(name: str, address: str, secret: str = SECRET, **keys: Any) -> InstanceSettings:
    ccc = InstanceCcc(
        access_key_id=KEY,
        access_key_secret=Secret(secret),
        endpoint=f"http://{address}",
        account=name,
    )
    return InstanceSettings(id=name, ccc=ccc, **keys)


def with_instances(*instances: InstanceSettings, redis_url: str = "") -> Settings:
    return replace(settings_for("http://127.0.0.1:1", redis_url), instances=instances)


async def test_what_fails_for_one_instance_delays_no_other(redis_url: str) -> None:
    hanging = emulator_for("hanging", faults=Faults(hang_seconds=60))
    throttled = emulator_for("throttled", faults=Faults(throttle_every=1))
    well = emulator_for("refused", *GOOD)
    async with AsyncExitStack() as stack:
        at = [await stack.enter_async_context(running(each)) for each in (hanging, throttled, well)]
        settings = with_instances(
            instance("hanging", at[0]),
            instance("throttled", at[1]),
            instance("refused", at[2], secret="another"),
            instance("unreachable", "127.0.0.1:1"),
            instance("unknown", at[2]),
            *(instance(name, at[2]) for name in GOOD),
            redis_url=redis_url,
        )
        service = await stack.enter_async_context(started(settings))

        def states() -> dict[str, str]:
            return dict(service.service.health().inventory)

        await eventually(lambda: all(states()[name] == "ready" for name in GOOD))
        assert {name for name, state in states().items() if state == "missing"} == {
            *("hanging", "throttled", "refused", "unreachable", "unknown")
        }
        for name in GOOD:
            assert (await service.pick(instance_id=name))[0] == 200
        # Good ones are swept again, and one that failed comes back, while others still fail.
        well.numbers[GOOD[0]] = chengdu_numbers(4)
        refreshed = f"{service.url}/v1/inventory/refresh"
        async with service.client.post(refreshed, params={"instance_id": GOOD[0]}) as response:
            assert response.status == 200
        throttled.faults = Faults()
        async with service.client.post(refreshed, params={"instance_id": "throttled"}) as response:
            assert response.status == 200
        assert states()["throttled"] == "ready"
        keeper = service.service._instances.keepers[GOOD[0]]
        assert len(keeper.inventory or ()) == 4


async def test_each_instance_picks_by_its_own_rules() -> None:
    emulator = emulator_for("strict", "free")
    async with running(emulator) as address:
        selection = Selection(fallback="refuse", pick_timeout_ms=1000)
        strict = replace(selection, caller=CallerLimits(max_per_hour=1))
        settings = with_instances(
            instance("strict", address, selection=strict),
            instance("free", address, selection=selection),
        )
        async with started(settings) as service:
            await eventually(lambda: set(service.service.health().inventory.values()) == {"ready"})
            statuses = {
                name: [(await service.pick(instance_id=name))[0] for _ in range(4)]
                for name in ("strict", "free")
            }
    assert statuses == {"strict": [200, 200, 200, 409], "free": [200] * 4}
