"""`callerid check` as an operator runs it, before emulators of CCC that refuse in many ways."""

import asyncio
import io
import json
import time
from contextlib import redirect_stderr, redirect_stdout
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import redis
from aiohttp import web

from service.__main__ import main
from service.emulator import Emulator, running
from service.emulator.faults import Faults
from tests.conftest import RedisServer, free_port
from tests.whole.processes import on_a_terminal
from tests.whole.services import KEY, SECRET, chengdu_numbers, emulator_of

ALL = (
    "ListPhoneNumbers",
    "PickOutboundNumbers",
    "GetNumberLocation",
    "AddPhoneNumbers",
    "AddBulkPhoneNumbers",
)


def configuration(folder: Path, endpoint: str, *ids: str, **changes: str) -> Path:
    """Instances behind one endpoint; `changes` are keys of their `ccc` tables, or `top` lines."""
    top, timeout_ms = changes.pop("top", ""), changes.pop("timeout_ms", "5000")
    own = {"access_key_id": KEY, "access_key_secret": SECRET} | changes
    ccc = ", ".join(f'{key} = "{value}"' for key, value in own.items())
    instances = "".join(
        f'[[instances]]\nid = "{id_}"\nccc = {{{ccc}}}\n' for id_ in ids or ("ccc-test",)
    )
    path = folder / "callerid.toml"
    path.write_text(
        f'{top}\n[ccc]\nendpoint = "{endpoint}"\ntimeout_ms = {timeout_ms}\n'
        f"max_requests_per_second = 1000\n{instances}",
        "utf-8",
    )
    return path


async def checked(path: Path, *words: str) -> tuple[int, str]:
    """The whole command in this process, in a thread with an event loop of its own."""
    output, told = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(told):
        status = await asyncio.to_thread(main, ["check", "--config", str(path), *words])
    assert status == 2 or told.getvalue() == ""
    return status, output.getvalue() + told.getvalue()


async def checked_before(
    emulator: Emulator, folder: Path, *words: str, **changes: str
) -> tuple[int, str]:
    async with running(emulator) as address:
        return await checked(configuration(folder, f"http://{address}", **changes), *words)


async def test_a_check_asks_ram_for_every_action_and_does_nothing(tmp_path: Path) -> None:
    emulator = emulator_of(chengdu_numbers(7))
    status, output = await checked_before(emulator, tmp_path)
    assert status == 0, output
    assert "fine     ccc-test: CCC lists 7 numbers\n" in output
    assert f"fine     ccc-test: RAM allows {', '.join(ALL)}\n" in output
    assert {action: emulator.calls[action] for action in ALL} == dict.fromkeys(ALL, 1)
    assert emulator.numbers == {"ccc-test": chengdu_numbers(7)}


@pytest.mark.parametrize(
    ("action", "cost"),
    [
        ("PickOutboundNumbers", "no fallback to CCC"),
        ("GetNumberLocation", "unknown prefixes stay unknown"),
        ("AddPhoneNumbers", "additions will fail"),
        ("AddBulkPhoneNumbers", "additions in bulk will fail"),
    ],
)
async def test_a_denied_action_is_a_warning_that_says_what_it_costs(
    tmp_path: Path, action: str, cost: str
) -> None:
    emulator = emulator_of(chengdu_numbers(7))
    emulator.faults = Faults(denied_actions=action)
    status, output = await checked_before(emulator, tmp_path)
    assert status == 0, output
    assert f"warning  ccc-test: RAM denies {action} (Forbidden.RAM): {cost}; " in output
    assert output.count("RAM denies") == 1
    allowed = ", ".join(each for each in ALL if each != action)
    assert f"ccc-test: RAM allows {allowed}\n" in output


async def test_a_denied_list_fails_and_the_other_actions_are_looked_at(tmp_path: Path) -> None:
    emulator = emulator_of(chengdu_numbers(7))
    emulator.faults = Faults(denied_actions="ListPhoneNumbers,AddPhoneNumbers")
    status, output = await checked_before(emulator, tmp_path)
    assert status == 1, output
    assert "failed   ccc-test: ListPhoneNumbers: Forbidden.RAM: " in output
    assert "RAM denies AddPhoneNumbers" in output
    assert "RAM allows PickOutboundNumbers, GetNumberLocation, AddBulkPhoneNumbers\n" in output


async def test_ccc_is_not_asked_for_a_pick_where_nobody_falls_back_to_it(tmp_path: Path) -> None:
    emulator = emulator_of(chengdu_numbers(7))
    top = '[selection]\nfallback = "refuse"'
    status, output = await checked_before(emulator, tmp_path, top=top)
    assert (status, emulator.calls["PickOutboundNumbers"]) == (0, 0), output


async def test_json_is_one_object(tmp_path: Path) -> None:
    emulator = emulator_of(chengdu_numbers(7))
    emulator.faults = Faults(denied_actions="AddPhoneNumbers")
    status, output = await checked_before(emulator, tmp_path, "--json", "--sweep")
    report = json.loads(output)
    (instance,) = report["instances"]
    assert (status, report["fine"], instance["id"], instance["numbers"]) == (
        0,
        True,
        "ccc-test",
        7,
    )
    assert {each["state"] for each in report["findings"]} == {"fine", "warning"}
    assert instance["permissions"]["AddPhoneNumbers"] == {
        "access": "denied",
        "code": "Forbidden.RAM",
        "cost": "additions will fail",
    }
    assert instance["permissions"]["GetNumberLocation"]["access"] == "allowed"
    assert instance["sweep"]["skill_groups"] == {"sales@ccc-test": 7}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"access_key_secret": "other"}, "SignatureDoesNotMatch"),
        ({"access_key_id": "nobody"}, "InvalidAccessKeyId.NotFound"),
    ],
)
async def test_wrong_credentials_are_told_apart_and_ask_once(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    emulator = emulator_of(chengdu_numbers(7))
    status, output = await checked_before(emulator, tmp_path, **changes)
    assert status == 1, output
    assert f"failed   ccc-test: ListPhoneNumbers: {told}" in output
    assert [emulator.calls[action] for action in ALL] == [1, 0, 0, 0, 0]


async def test_an_instance_that_is_not_the_accounts_does_not_hide_the_others(
    tmp_path: Path,
) -> None:
    async with running(emulator_of(chengdu_numbers(7))) as address:
        path = configuration(tmp_path, f"http://{address}", "ccc-test", "ccc-other")
        status, output = await checked(path)
    assert status == 1, output
    assert "fine     ccc-test: CCC lists 7 numbers\n" in output
    assert "failed   ccc-other: ListPhoneNumbers: NotExists.InstanceId" in output
    assert "correct the id in [[instances]]" in output


async def test_a_clock_that_ccc_does_not_believe_is_told(tmp_path: Path) -> None:
    sample = emulator_of(chengdu_numbers(7))
    emulator = Emulator(
        sample.numbers,
        sample.access_keys,
        locate=lambda _: ("", ""),
        clock=lambda: time.time() + 3600,
        randomness=sample._randomness,
    )
    status, output = await checked_before(emulator, tmp_path)
    assert status == 1, output
    assert "InvalidTimeStamp" in output
    assert "NTP" in output


async def test_a_clock_that_differs_from_cccs_is_told_before_a_call_fails(tmp_path: Path) -> None:
    class Ahead(Emulator):
        """Dates its answers as a server does whose clock is five minutes ahead of ours."""

        def app(self) -> web.Application:
            async def date(_: web.Request, response: web.StreamResponse) -> None:
                response.headers["Date"] = formatdate(time.time() + 300, usegmt=True)

            app = super().app()
            app.on_response_prepare.append(date)
            return app

    sample = emulator_of(chengdu_numbers(7))
    sample.__class__ = Ahead  # there is one way to make an emulator, and this is still one
    status, output = await checked_before(sample, tmp_path)
    assert status == 0, output
    assert "s behind: set it by NTP" in output
    assert "warning  http://127.0.0.1:" in output


async def test_an_endpoint_that_speaks_no_tls_is_told(tmp_path: Path) -> None:
    async with running(emulator_of(chengdu_numbers(7))) as address:
        status, output = await checked(configuration(tmp_path, f"https://{address}"))
    assert status == 1, output
    assert f"failed   https://{address}: out of reach: it does not speak TLS" in output
    assert "failed   ccc-test: not asked" in output


async def test_many_instances_behind_a_dead_endpoint_wait_for_it_once(tmp_path: Path) -> None:
    emulator = emulator_of(chengdu_numbers(7))
    emulator.faults = Faults(hang_seconds=60)
    ids = [f"ccc-{number}" for number in range(200)]
    async with running(emulator) as address:
        path = configuration(tmp_path, f"http://{address}", *ids, timeout_ms="200")
        status, output = await checked(path)
    assert status == 1
    assert output.count(": not asked: see ") == 200
    assert "no answer in time" in output
    assert emulator.calls.total() == 1


async def test_many_instances_are_asked_side_by_side(tmp_path: Path) -> None:
    emulator = emulator_of(chengdu_numbers(7))
    most = under_way = 0
    perform = emulator._answer

    async def answer(request: Any) -> Any:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        try:
            return await perform(request)
        finally:
            under_way -= 1

    emulator._answer = answer  # type: ignore[method-assign]  # to count those under way
    ids = [f"ccc-{number}" for number in range(40)]
    emulator.numbers |= {id_: chengdu_numbers(1) for id_ in ids}
    async with running(emulator) as address:
        status, output = await checked(configuration(tmp_path, f"http://{address}", *ids))
    assert status == 0, output
    assert output.count("CCC lists 1 numbers") == 40
    assert most > 20


async def test_a_redis_that_is_gone_does_not_hold_up_the_instances(tmp_path: Path) -> None:
    emulator = emulator_of(chengdu_numbers(7))
    top = f'[redis]\nurl = "redis://127.0.0.1:{free_port()}"'
    status, output = await checked_before(emulator, tmp_path, top=top)
    assert status == 1, output
    assert "failed   redis: does not serve: ConnectionError" in output
    assert "fine     ccc-test: CCC lists 7 numbers\n" in output


async def test_a_ledger_that_has_seen_a_later_time_than_redis_tells_is_told_of(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    with redis.Redis(port=own_redis.port) as server:
        later = 1000 * int(time.time() + 3600)
        server.hset("callerid:2:{ccc-test}:ccc-test:state", "now", later)
        server.hset("callerid:2:{on-time}:on-time:state", "now", int(1000 * time.time()))
    top = f'[redis]\nurl = "{own_redis.url}"'
    endpoint = configuration(tmp_path, "http://127.0.0.1:9", "ccc-test", "on-time", top=top)
    _, output = await checked(endpoint)
    told = [line for line in output.splitlines() if "the ledger has seen" in line]
    assert len(told) == 1
    assert told[0].startswith("warning  redis: ccc-test: the ledger has seen 3")


async def test_a_configuration_without_an_instance_ends_with_2(tmp_path: Path) -> None:
    path = tmp_path / "callerid.toml"
    path.write_text("", "utf-8")
    status, output = await checked(path)
    assert status == 2
    assert output.startswith(f"{path}: instances: ")


async def test_a_table_of_prefixes_that_is_none_ends_with_2_as_a_start_does(tmp_path: Path) -> None:
    table = tmp_path / "phone.dat"
    table.write_bytes(b"none")
    path = configuration(tmp_path, "http://h", top=f'[locality]\nphone_dat = "{table}"')
    status, output = await checked(path)
    assert status == 2, output
    assert f"{path}: locality.phone_dat: found '{table}' (not a phone.dat: it is" in output


async def test_a_sweep_says_how_many_numbers_each_group_can_pick_from(tmp_path: Path) -> None:
    status, output = await checked_before(emulator_of(chengdu_numbers(250)), tmp_path, "--sweep")
    assert status == 0, output
    assert "fine     sweep of ccc-test: 250 numbers (250 Outbound): 250 to pick from" in output
    assert "sales@ccc-test           250\n" in output


async def test_a_sweep_that_fails_fails_the_check(tmp_path: Path) -> None:
    rows = [*chengdu_numbers(3), {**chengdu_numbers(1)[0], "Number": "0285****9999"}]
    status, output = await checked_before(emulator_of(rows), tmp_path, "--sweep")
    assert status == 1, output
    assert "failed   sweep of ccc-test: 1 of 4 rows cannot be read" in output
    assert "0285****9999 (Number is masked)" in output


async def test_a_sweep_names_the_rows_that_it_sets_aside(tmp_path: Path) -> None:
    rows = [*chengdu_numbers(50), {**chengdu_numbers(1)[0], "Active": "perhaps"}]
    status, output = await checked_before(emulator_of(rows), tmp_path, "--sweep")
    assert status == 0, output
    assert "warning  sweep of ccc-test: 50 numbers (50 Outbound): 50 to pick from" in output
    assert "1 rows cannot be read and are set aside: 028****0000 (Active cannot be read)" in output


async def test_a_terminal_shows_a_table_in_colour_and_how_far_a_sweep_is(tmp_path: Path) -> None:
    emulator = emulator_of(chengdu_numbers(250))
    emulator.faults = Faults(denied_actions="AddPhoneNumbers")
    async with running(emulator) as address:
        path = configuration(tmp_path, f"http://{address}")
        status, output = await on_a_terminal("check", "--config", str(path), "--sweep")
    assert status == 0, output
    head = next(line for line in output.splitlines() if "\x1b[1minstance\x1b[0m" in line)
    assert all(action in head for action in ALL)
    row = next(line for line in output.splitlines() if line.startswith("ccc-test"))
    assert row.count("\x1b[32mallowed\x1b[0m") == 4
    assert row.count("\x1b[31mdenied\x1b[0m") == 1
    assert "\x1b[2Kccc-test: 250 of 250 numbers read" in output
    assert "\x1b[33mwarning\x1b[0m  ccc-test: RAM denies AddPhoneNumbers" in output
    assert "CCC lists" not in output


async def test_no_color_is_heeded_on_a_terminal(tmp_path: Path) -> None:
    async with running(emulator_of(chengdu_numbers(2))) as address:
        path = configuration(tmp_path, f"http://{address}")
        status, output = await on_a_terminal("check", "--config", str(path), NO_COLOR="1")
    assert status == 0, output
    assert "allowed" in output
    assert "\x1b[3" not in output
    assert "\x1b[1m" not in output
