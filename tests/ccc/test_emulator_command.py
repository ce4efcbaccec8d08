"""The sample inventory, inventory files, and the command line of `callerid emulator`."""

import argparse
import asyncio
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest
from alibabacloud_ccc20200701 import models

from service.emulator import Faults, load_inventory
from service.emulator.command import (
    DEMO_KEY_ID,
    DEMO_KEY_SECRET,
    add_arguments,
    faults_from,
    locate_with,
    serve,
)
from service.errors import SettingsError
from service.locality import Locator
from tests.ccc.emulator_fixtures import sdk

SAMPLE = load_inventory()["ccc-test"]
OUTBOUND = [row for row in SAMPLE if row["Active"] and row["Usage"] != "Inbound"]


def parsed(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(options)


def test_the_sample_is_large_and_spread_over_the_country() -> None:
    assert len(SAMPLE) == len({row["Number"] for row in SAMPLE}) == 465
    assert len({row["City"] for row in OUTBOUND}) == 46
    assert len({row["Province"] for row in OUTBOUND}) == 31
    assert load_inventory()["ccc-test"] == SAMPLE


def test_the_samples_numbers_belong_where_they_say() -> None:
    locator = Locator(resources.files("phone").joinpath("phone.dat").read_bytes())
    for row in SAMPLE:
        if row["City"]:
            place = locator.place(row["Number"])
            named = locator.place(row["Number"], row["Province"], row["City"])
            assert place.province == row["Province"]
            # Several cities share some area codes; then the table names none.
            assert place.city in {row["City"], ""}
            assert place.area_code == named.area_code != ""


def test_each_group_of_the_sample_can_call_out_from_most_cities() -> None:
    cities: dict[str, set[str]] = {}
    for row in OUTBOUND:
        for group in row["SkillGroups"]:
            cities.setdefault(group["SkillGroupId"], set()).add(row["City"])
    assert len(cities) == 4
    assert min(len(of_group) for of_group in cities.values()) > 40


def test_the_sample_has_every_kind_of_number() -> None:
    kinds = Counter(row["Usage"] for row in SAMPLE)
    assert min(kinds["Inbound"], kinds["Outbound"], kinds["Bidirection"]) > 30
    assert {row["Usage"] for row in SAMPLE if row["Number"].startswith("400")} == {"Inbound"}
    assert sum(not row["Active"] for row in SAMPLE) > 10
    assert sum(len(row["SkillGroups"]) > 1 for row in SAMPLE) > 100
    assert {row["Tags"] for row in SAMPLE} == {"", "M1", "M2"}
    agents = [row for row in SAMPLE if row["UserId"]]
    assert len(agents) > 20
    assert not any(row["SkillGroups"] for row in agents)


def test_a_row_of_a_file_is_filled_in(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    file.write_text('{"other": [{"Number": "01055500001", "Usage": "Outbound"}]}')
    (row,) = load_inventory(file)["other"]
    assert (row["Number"], row["Usage"], row["InstanceId"]) == ("01055500001", "Outbound", "other")
    assert row["Active"] is True


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": [{}]}',
        '{"a": [{"Number": 1055500001}]}',
        '{"a": [{"Number": "1", "N": 1}]}',
    ],
)
def test_a_file_that_is_no_inventory_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "numbers.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"numbers\.json: "):
        load_inventory(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="absent"):
        load_inventory(tmp_path / "absent")


def test_no_option_means_no_fault() -> None:
    assert faults_from(parsed()) == Faults()


def test_every_fault_is_an_option() -> None:
    args = parsed("--throttle-every", "3", "--hang-seconds", "0.5", "--missing-list")
    assert faults_from(args) == Faults(throttle_every=3, hang_seconds=0.5, missing_list=True)
    args = parsed("--denied-actions", "AddPhoneNumbers,PickOutboundNumbers")
    assert faults_from(args) == Faults(denied_actions="AddPhoneNumbers,PickOutboundNumbers")


@pytest.mark.parametrize("options", [("--server-error", "404"), ("--throttle-every", "-1")])
def test_a_fault_out_of_range_is_refused(options: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match="emulator faults"):
        faults_from(parsed(*options))


def test_a_number_that_cannot_be_dialled_is_nowhere() -> None:
    locate = locate_with(Locator(resources.files("phone").joinpath("phone.dat").read_bytes()))
    assert locate("13808130000") == ("四川", "乐山")
    assert locate("nonsense") == ("", "")


async def test_the_command_serves_the_sample_until_it_is_cancelled() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(serve(parsed("--port", "0"), said.put_nowait))
    try:
        announcement = await said.get()
        address = announcement.removeprefix("CCC emulator on http://").partition(",")[0]
        client = sdk(address, access_key_id=DEMO_KEY_ID, access_key_secret=DEMO_KEY_SECRET)
        request = models.ListPhoneNumbersRequest(instance_id="ccc-test", page_number=1, page_size=1)
        assert (await client.list_phone_numbers_async(request)).body.data.total_count == 465
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
