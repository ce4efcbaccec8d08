"""The command line as an operator runs it: processes, exit codes, signals."""

import asyncio
import json
import signal
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import aiohttp
import pytest

from service import app, logs
from service.__main__ import _settings, main
from service.cli.parser import parser
from service.emulator import running
from service.errors import SettingsError
from service.settings import Settings
from tests.waiting import STARTING_SECONDS, eventually
from tests.whole.processes import command
from tests.whole.services import (
    CHENGDU_MOBILE,
    KEY,
    SALES,
    SECRET,
    chengdu_numbers,
    emulator_of,
    settings_for,
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def configuration(folder: Path, address: str, *, redis_url: str = "", drain: float = 0) -> Path:
    path = folder / "callerid.toml"
    path.write_text(
        f"""
[server]
drain_seconds = {drain}
[redis]
url = "{redis_url}"
[ccc]
endpoint = "http://{address}"
[[instances]]
id = "ccc-test"
ccc = {{access_key_id = "{KEY}", access_key_secret = "{SECRET}"}}
""",
        "utf-8",
    )
    return path


async def until_ready(client: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(STARTING_SECONDS):
        while True:
            try:
                async with client.get(f"{url}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


QUESTION = {"called_number": CHENGDU_MOBILE, "skill_group_ids": [SALES]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[server]\nprot = 1\n", "server.prot"),
        ('[server]\nport = "high"\n', "server.port"),
        ("[server]\nport = 70000\n", "server.port"),
        ("[server\n", "no TOML"),
        ("[server]\nport = 0\n", "instances"),
    ],
)
def test_a_broken_configuration_ends_with_2_and_names_the_key(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    told: str,
) -> None:
    monkeypatch.setattr(logs, "configure", lambda: None)
    path = tmp_path / "broken.toml"
    path.write_text(text, "utf-8")
    assert main(["serve", "--config", str(path)]) == 2
    lines = capsys.readouterr().err
    assert told in lines
    assert told == "instances" or str(path) in lines


def test_a_configuration_that_is_not_there_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--config", "nowhere.toml"]) == 2
    assert "nowhere.toml" in capsys.readouterr().err


async def test_the_demo_answers_what_it_tells_one_to_paste() -> None:
    port, emulator_port = free_port(), free_port()
    words = ("demo", "--port", str(port), "--emulator-port", str(emulator_port))
    async with command(*words) as demo, aiohttp.ClientSession() as client:
        assert demo.stdout is not None
        told = ""
        while "Ctrl-C" not in told:
            line = await asyncio.wait_for(demo.stdout.readline(), STARTING_SECONDS)
            assert line, f"it has ended: {told}"
            told += line.decode()
        await until_ready(client, f"http://127.0.0.1:{port}")
        pasted = await asyncio.create_subprocess_shell(
            f"set -e\n{told[told.index('# a mobile') : told.index('Ctrl-C')]}",
            stdout=asyncio.subprocess.PIPE,
        )
        answers, _ = await asyncio.wait_for(pasted.communicate(), STARTING_SECONDS)
        assert pasted.returncode == 0
        first, _, third, dialplan, added, *_ = answers.splitlines()
        assert [pair["match"] for pair in json.loads(first)["data"]] == ["city"]
        assert [look["reason"] for look in json.loads(third)["explanation"]] == ["", ""]
        assert dialplan in {b"02855500004", b"13800280001", b"13800280002"}
        assert json.loads(added)["added"] == ["13880009001"]
        assert b'"server_error":503' in answers
        demo.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(demo.wait(), 10) == 0


async def test_check_says_what_it_found(redis_url: str, tmp_path: Path) -> None:
    async with running(emulator_of(chengdu_numbers(7))) as address:
        path = configuration(tmp_path, address, redis_url=redis_url)
        async with command("check", "--config", str(path)) as check:
            output, _ = await check.communicate()
    assert check.returncode == 0, output
    assert b"ccc-test: CCC lists 7 numbers" in output
    assert b"redis: up" in output


async def test_check_ends_with_1_when_a_part_is_out_of_reach(tmp_path: Path) -> None:
    path = configuration(
        tmp_path, f"127.0.0.1:{free_port()}", redis_url=f"redis://127.0.0.1:{free_port()}"
    )
    async with command("check", "--config", str(path)) as check:
        output, _ = await check.communicate()
    assert check.returncode == 1
    assert b"redis: does not serve" in output
    assert b"failed   ccc-test: not asked" in output


async def test_a_pick_from_the_command_line_is_a_table_or_json(tmp_path: Path) -> None:
    port = free_port()
    async with running(emulator_of(chengdu_numbers(2))) as address:
        path = configuration(tmp_path, address)
        serve = command("serve", "--config", str(path), "--port", str(port))
        async with serve, aiohttp.ClientSession() as client:
            url = f"http://127.0.0.1:{port}"
            await until_ready(client, url)
            words = ("pick", CHENGDU_MOBILE, "--skill-group", SALES, "--url", url)
            async with command(*words) as pick:
                table, _ = await pick.communicate()
            async with command(*words, "--json") as pick:
                answer, _ = await pick.communicate()
            async with command("pick", "120", "--skill-group", SALES, "--url", url) as refused:
                problem, _ = await refused.communicate()
    assert b"02855500000" in table
    assert json.loads(answer)["data"][0]["caller"]["number"] == "02855500001"
    assert refused.returncode == 1
    assert problem.startswith(b"InvalidCalledNumber")


async def test_a_pick_without_a_service_ends_with_1() -> None:
    words = (
        "pick",
        CHENGDU_MOBILE,
        "--skill-group",
        SALES,
        "--url",
        f"http://127.0.0.1:{free_port()}",
    )
    async with command(*words) as pick:
        output, told = await pick.communicate()
    assert pick.returncode == 1
    assert output == b""
    assert told.startswith(b"callerid: no answer of a service at http://127.0.0.1:")


async def test_a_shutdown_drops_no_pick(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with running(emulator_of(chengdu_numbers(5))) as address:
        path = configuration(tmp_path, address, redis_url=redis_url, drain=0.5)
        serve = command("serve", "--config", str(path), "--port", str(port))
        async with serve as service, aiohttp.ClientSession() as client:
            await until_ready(client, url)

            answered = Counter[int]()

            async def dial(dialer: int) -> None:
                """Ask on one connection until the service says that it is about to close it."""
                closes = False
                while not closes:
                    async with client.post(f"{url}/v1/pick", json=QUESTION) as response:
                        assert response.status == 200
                        await response.read()
                        closes = response.headers.get("Connection") == "close"
                    answered[dialer] += 1

            dialers = [asyncio.create_task(dial(dialer)) for dialer in range(8)]
            await eventually(lambda: len(answered) == 8)
            service.send_signal(signal.SIGTERM)
            await asyncio.gather(*dialers)
            async with client.get(f"{url}/readyz") as response:
                assert response.status == 503
            assert await asyncio.wait_for(service.wait(), 10) == 0


async def counted_by(client: aiohttp.ClientSession, url: str) -> float:
    """The picks that the metrics of a service have, refused ones too."""
    async with client.get(f"{url}/metrics") as response:
        told = await response.text()
    return sum(
        float(line.rpartition(" ")[2])
        for line in told.splitlines()
        if line.startswith(("callerid_picks_total{", "callerid_pick_refusals_total{"))
    )


async def test_workers_share_the_port_and_their_metrics_are_one(
    redis_url: str, tmp_path: Path
) -> None:
    port, picks = free_port(), 200
    url = f"http://127.0.0.1:{port}"
    async with running(emulator_of(chengdu_numbers(5))) as address:
        path = configuration(tmp_path, address, redis_url=redis_url)
        words = ("serve", "--config", str(path), "--port", str(port), "--workers", "2")
        async with command(*words) as serve, aiohttp.ClientSession() as client:
            await until_ready(client, url)

            async def dial() -> None:
                async with (
                    aiohttp.ClientSession() as own,
                    own.post(f"{url}/v1/pick", json=QUESTION) as response,
                ):
                    assert response.status == 200

            for _ in range(picks // 20):
                await asyncio.gather(*(dial() for _ in range(20)))
            async with asyncio.timeout(10):  # workers show their counts twice a second
                while await counted_by(client, url) < picks:
                    await asyncio.sleep(0.05)
            counted = await counted_by(client, url)
            serve.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(serve.wait(), 10) == 0
    assert counted == picks


async def test_a_worker_opens_the_shared_port_once_it_has_numbers() -> None:
    async with running(emulator_of(chengdu_numbers(5))) as address:
        settings = settings_for(f"http://{address}")
        async with app.listening(settings, share_port=True) as (service, _):
            assert service.health().is_ready


async def test_a_worker_that_gets_no_numbers_opens_the_shared_port_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "SETTLE_SECONDS", 0.1)
    settings = settings_for(f"http://127.0.0.1:{free_port()}")
    async with (
        app.listening(settings, share_port=True) as (_, url),
        aiohttp.ClientSession() as client,
        client.get(f"{url}/readyz") as response,
    ):
        assert response.status == 503


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "instances: found none"),
        ("instances = []", "instances: found none"),
        ('[redis]\nurl = "redis://h?protocol=3"\n{plain}', "redis.url: found an option"),
        ('[locality]\nphone_dat = "/dev/zero"\n{plain}', "not a regular file"),
        (
            '[selection]\nlevels = ["near", "any"]\nnear = {{ "河北" = ["Tianjin"] }}\n{plain}',
            "selection.near.河北[0]: found 'Tianjin'",
        ),
        ('[selection]\ntimezone = "Mars/Base"\n{plain}', "selection.timezone: found 'Mars/Base'"),
        (
            '[[numbers]]\nmatch = {{ number = "138****8888" }}\nmax_per_day = 1\n{plain}',
            "numbers[0].match.number: found a number (hidden) that is masked",
        ),
    ],
)
def test_what_would_be_refused_at_a_start_is_refused_at_sighup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    path = configuration(tmp_path, "127.0.0.1:9")
    plain = path.read_text("utf-8").replace("[redis]\n", "").replace('url = ""\n', "")
    arguments = parser(["serve"]).parse_args(["serve", "--config", str(path)])
    assert _settings(arguments).instances
    path.write_text(text.format(plain=plain), "utf-8")
    with pytest.raises(SettingsError) as refused:  # as SIGHUP reads it
        _settings(arguments)
    assert main(["serve", "--config", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert refused.value.faults == [line]
    assert main(["check", "--config", str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == [line]
    assert told in line


def test_a_worker_has_the_port_that_is_held_and_reads_the_one_that_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports: list[int] = []

    async def serve(settings: Settings, *, read: Callable[[], Settings], **_: object) -> None:
        ports.extend((settings.server.port, read().server.port))

    monkeypatch.setattr("service.cli.serve.serve", serve)
    monkeypatch.setattr("service.cli.workers.joined", lambda _: nullcontext())
    monkeypatch.setattr(logs, "configure", lambda: None)
    path = configuration(tmp_path, "127.0.0.1:9")
    words = ["serve", "--config", str(path), "--worker", "3,4,5", "--bound", "1234"]
    assert (main(words), ports) == (0, [1234, 8080])


async def test_sighup_reads_the_limits_again_and_refuses_a_bad_configuration(
    redis_url: str, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with running(emulator_of(chengdu_numbers(1))) as address:
        path = configuration(tmp_path, address, redis_url=redis_url)
        plain = path.read_text("utf-8")

        def write(limit: str) -> None:
            path.write_text(f"[selection.caller]\nmax_per_hour = {limit}\n{plain}", "utf-8")

        write("1")
        words = ("serve", "--config", str(path), "--port", str(port))
        async with command(*words) as serve, aiohttp.ClientSession() as client:
            await until_ready(client, url)

            async def pick() -> int:
                async with client.post(f"{url}/v1/pick", json=QUESTION) as response:
                    return response.status

            async def reloads(result: str) -> bool:
                async with client.get(f"{url}/metrics") as response:
                    told = await response.text()
                return f'callerid_config_reloads_total{{result="{result}"}} 1.0' in told

            async def after(limit: str, result: str) -> None:
                write(limit)
                serve.send_signal(signal.SIGHUP)
                async with asyncio.timeout(10):
                    while not await reloads(result):
                        await asyncio.sleep(0.02)

            before = [await pick(), await pick()]
            await after('"many"', "refused")
            refused = await pick()
            await after("2", "taken")
            async with asyncio.timeout(10):
                while await pick() != 200:
                    await asyncio.sleep(0.02)
            last = await pick()
    assert before == [200, 409]
    assert refused == 409
    assert last == 409
