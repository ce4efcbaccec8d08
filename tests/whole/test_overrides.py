"""Overrides of single numbers: written in any form, and told of where no number goes by them."""

import logging
from argparse import Namespace
from pathlib import Path

import pytest
from msgspec.structs import replace

from service.cli.check import check
from service.emulator import phone_number, running
from service.settings import Settings
from service.settings.loading import load
from tests.waiting import eventually
from tests.whole.services import KEY, SECRET, chengdu_numbers, emulator_of, started

UNKNOWN_FORM = "1069012345678901"
TEXT = """
selection.fallback = "refuse"
selection.pick_timeout_ms = 3000
server = {{ port = 0, drain_seconds = 0 }}
ccc.endpoint = "http://{address}"
numbers = [
    {{ match = {{ number = "+86 28 5550 0000" }}, max_per_day = 1 }},
    {{ match = {{ number = "{unused}" }}, max_per_day = 1 }},
    {{ match = {{ tag = "nobody's" }}, max_per_day = 1 }},
]
[[instances]]
id = "ccc-test"
ccc = {{ access_key_id = "{key}", access_key_secret = "{secret}" }}
"""
UNUSED = ["numbers[1] (number=106****8901)", "numbers[2] (tag=nobody's)"]


def settings_of(folder: Path, address: str) -> Settings:
    path = folder / "callerid.toml"
    path.write_text(TEXT.format(address=address, unused=UNKNOWN_FORM, key=KEY, secret=SECRET))
    return load(path, {})


async def test_an_override_in_any_form_caps_its_number_and_those_of_no_use_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with (
        running(emulator_of(chengdu_numbers(1))) as address,
        started(settings_of(tmp_path, address)) as service,
    ):
        answers = [await service.pick() for _ in range(2)]
        _, inventory = await service.get("/v1/inventory")
        refresh = f"{service.url}/v1/inventory/refresh"
        async with service.client.post(refresh) as response:
            assert response.status == 200
    assert [status for status, _ in answers] == [200, 409]
    assert answers[1][1]["reasons"] == {"parked": 1}
    assert inventory["unused_overrides"] == UNUSED
    told = [line for line in caplog.messages if "[[numbers]]" in line]
    assert told == [f"No number goes by these entries of [[numbers]]: {', '.join(UNUSED)}"]


async def test_an_override_of_any_instance_is_in_use_also_after_a_reload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = emulator_of(chengdu_numbers(1))
    emulator.numbers["other"] = [phone_number(Number="01055500001", Tags="other's")]
    async with running(emulator) as address:
        settings = settings_of(tmp_path, address)
        (first,), used = settings.instances, replace(settings.numbers[2].match, tag="other's")
        overrides = settings.numbers[0], replace(settings.numbers[2], match=used)
        instances = first, replace(first, id="other", scope="other")
        settings = replace(settings, numbers=overrides[:1], instances=instances)
        async with started(settings) as service:
            keeper = service.service._instances.keepers["other"]
            before = keeper.inventory
            await service.service.reload(lambda: replace(settings, numbers=overrides))
            await eventually(lambda: keeper.inventory is not before)
    assert "[[numbers]]" not in caplog.text


async def test_check_names_those_of_no_use_after_a_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(emulator_of(chengdu_numbers(1))) as address:
        settings = settings_of(tmp_path, address)
        assert await check(settings, Namespace(sweep=True, json=False)) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "[[numbers]]" in line]
    assert lines == [
        f"warning  [[numbers]]: {entry}: no number of any instance goes by it" for entry in UNUSED
    ]
