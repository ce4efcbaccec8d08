"""A holdout from the picks and outcomes of its callees, over a restart, to the command."""

from collections import Counter

from msgspec.structs import replace

from service.emulator import phone_number, running, skill_groups
from service.settings import ExperimentSettings
from tests.whole.processes import command
from tests.whole.services import (
    SALES,
    Running,
    chengdu_numbers,
    emulator_of,
    settings_for,
    started,
)

BEIJING = phone_number(
    Number="01055500001",
    Province="北京",
    City="北京",
    SkillGroups=skill_groups(SALES),
    Usage="Outbound",
)


async def call(service: Running, last: int) -> str:
    """Pick for a callee of Chengdu and have it answered; returns the callee's arm."""
    called, call_id = f"1388000{last:04}", f"call-{last}"
    _, answer = await service.pick(called_number=called, call_id=call_id, explain=True)
    report = {"call_id": call_id, "result": "answered"}
    async with service.client.post(f"{service.url}/v1/outcomes", json=report) as response:
        assert response.status == 202
    match, arm = answer["data"][0]["match"], answer["arm"]
    assert match == {"any": "any", "local": "city"}[arm]
    return str(arm)


async def test_arms_are_counted_over_a_restart_and_told_in_words(redis_url: str) -> None:
    arms: Counter[str] = Counter()
    async with running(emulator_of([*chengdu_numbers(1), BEIJING])) as address:
        settings = settings_for(f"http://{address}", redis_url)
        settings = replace(settings, experiment=ExperimentSettings("spring", 0.5))
        for first in (0, 10):
            async with started(settings) as service:
                assert (await service.get("/v1/experiment"))[1]["state"] == "running"
                arms.update([await call(service, last) for last in range(first, first + 10)])
                _, report = await service.get("/v1/experiment")
                async with command("experiment", "--url", service.url) as asked:
                    output, told = await asked.communicate()
                ended = replace(settings, experiment=ExperimentSettings("spring"))
                await service.service.reload(lambda: ended)  # noqa: B023 - at once
                _, answer = await service.pick(called_number="13880000000", explain=True)
                assert "arm" not in answer
    assert arms.keys() == {"local", "any"}
    assert report["arms"] == {
        arm: {"calls": calls, "answered": calls} for arm, calls in arms.items()
    }
    assert (asked.returncode, told) == (0, b"")
    assert output.decode().splitlines() == [
        "spring: running",
        f"local: {arms['local']} of {arms['local']} answered, 100.0%",
        f"any: {arms['any']} of {arms['any']} answered, 100.0%",
        "That is too few calls to tell.",
    ]
