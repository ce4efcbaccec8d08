"""A report from picks and outcomes, over a restart, to the command."""

from datetime import UTC, datetime, timedelta

from service.emulator import running
from service.settings import Selection
from tests.whole.processes import command
from tests.whole.services import Running, chengdu_numbers, emulator_of, settings_for, started


async def call(service: Running, call_id: str, result: str) -> None:
    await service.pick(call_id=call_id)
    outcome = {"call_id": call_id, "result": result, "talk_ms": 90_000}
    async with service.client.post(f"{service.url}/v1/outcomes", json=outcome) as response:
        assert response.status == 202


async def report(service: Running, *words: str) -> tuple[int | None, list[str], str]:
    async with command("report", "--url", service.url, *words) as asked:
        output, told = await asked.communicate()
    return asked.returncode, output.decode().splitlines(), told.decode()


async def test_calls_are_reported_over_a_restart_in_words_and_as_csv(redis_url: str) -> None:
    now = datetime.now(UTC)
    noon_here = Selection(timezone=f"Etc/GMT{now.hour - 12:+d}")  # no midnight comes between
    async with running(emulator_of(chengdu_numbers(1))) as address:
        settings = settings_for(f"http://{address}", redis_url, noon_here)
        async with started(settings) as service:
            await call(service, "a", "answered")
        async with started(settings) as service:
            await call(service, "b", "busy")
            status, lines, told = await report(service, "--by", "province")
            _, numbers, _ = await report(service, "--by", "number", "--csv")
            refused = await report(service, "--from", "2026-01-02", "--to", "2026-01-01")
    day = f"{now:%Y-%m-%d}"
    first = f"{now - timedelta(34):%Y-%m-%d}"
    assert (status, told) == (0, "")
    assert lines == [
        f"{first} to {day}, {noon_here.timezone}:",
        "day         province  picks  ended  answered  share  95 in 100      minutes",
        f"{day}  四川      2      2      1         50.0%  9.4% to 90.5%  3.0",
    ]
    assert numbers[1:] == [f"{day},02855500000,2,1,0,1,0,0,0,0.5,0.0945,0.9055,180000"]
    assert refused == (1, [], "InvalidField: to: is before from\n")
