"""The access key: from the configuration, or found by the official chain."""

import asyncio
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_credentials.client import Client
from alibabacloud_credentials.utils import auth_util

from service.ccc.credentials import AccessKey, ChainCredentials, StaticCredentials
from service.errors import CccRefused


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def empty_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(auth_util, "environment_access_key_id", None)
    monkeypatch.setattr(auth_util, "environment_access_key_secret", None)
    monkeypatch.setattr(auth_util, "environment_security_token", None)
    monkeypatch.setattr(auth_util, "environment_ecs_metadata_disabled", "true")
    monkeypatch.setattr(auth_util, "environment_credentials_uri", None)
    monkeypatch.setattr(auth_util, "enable_oidc_credential", False)


async def test_a_configured_key_is_given_as_it_is() -> None:
    key = AccessKey("id", "secret")
    assert await StaticCredentials(key).get() is key


def test_a_key_never_shows_its_secrets() -> None:
    shown = f"{AccessKey('the-id', 'the-secret', 'the-token')!r}"
    assert shown == "AccessKey('the-id')"


@pytest.mark.parametrize("token", [None, "token"])
async def test_the_chain_finds_a_key_and_its_token(
    empty_surroundings: None, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.setattr(auth_util, "environment_access_key_id", "env-id")
    monkeypatch.setattr(auth_util, "environment_access_key_secret", " env-secret\n")
    monkeypatch.setattr(auth_util, "environment_security_token", token)
    chain = ChainCredentials(clock=Clock())
    assert await chain.get() == AccessKey("env-id", "env-secret", token or "")
    chain.close()


async def test_the_library_does_not_log_what_it_raises(
    empty_surroundings: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def get_credential(_: Any) -> None:
        logging.getLogger("credentials").error("no key", exc_info=ValueError("no key"))
        raise ValueError("no key")

    monkeypatch.setattr(Client, "get_credential", get_credential)
    chain = ChainCredentials(clock=Clock())
    with pytest.raises(CccRefused, match="Its chain said: no key"):
        await chain.get()
    chain.close()
    assert caplog.records == []


async def test_the_chain_is_asked_once_a_minute_however_many_ask(
    empty_surroundings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    all_wait = threading.Event()

    class Found:
        access_key_id, access_key_secret, security_token = "id", "secret", ""

    def get_credential(_: Any) -> type[Found]:
        asked.append(1)
        assert all_wait.wait(timeout=5)
        return Found

    monkeypatch.setattr(Client, "get_credential", get_credential)
    clock = Clock()
    chain = ChainCredentials(clock=clock)
    calls = [asyncio.create_task(chain.get()) for _ in range(10)]
    await asyncio.sleep(0)
    all_wait.set()
    assert set(await asyncio.gather(*calls)) == {AccessKey("id", "secret")}
    assert len(asked) == 1
    clock.now = 59.0
    await chain.get()
    assert len(asked) == 1
    clock.now = 60.0
    await chain.get()
    assert len(asked) == 2
    chain.close()


async def test_no_key_anywhere_says_what_to_set_and_is_looked_for_again(
    empty_surroundings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = ChainCredentials(clock=Clock())
    with pytest.raises(CccRefused, match="set ALIBABA_CLOUD_ACCESS_KEY_ID") as caught:
        await chain.get()
    assert caught.value.ccc_code == "InvalidCredentials"
    monkeypatch.setattr(auth_util, "environment_access_key_id", "env-id")
    monkeypatch.setattr(auth_util, "environment_access_key_secret", "env-secret")
    assert (await chain.get()).id == "env-id"
    chain.close()


async def test_two_hundred_that_wait_for_a_chain_without_a_key_wait_once(
    empty_surroundings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    all_wait = threading.Event()

    def get_credential(_: Any) -> None:
        asked.append(1)
        assert all_wait.wait(timeout=5)
        raise ConnectionError("nothing there")

    monkeypatch.setattr(Client, "get_credential", get_credential)
    chain = ChainCredentials(clock=Clock())
    calls = [asyncio.create_task(chain.get()) for _ in range(200)]
    await asyncio.sleep(0)
    calls.pop().cancel()  # who gives up does not take the answer from the others
    all_wait.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, CccRefused) for answer in answers)
    assert len(asked) == 1
    chain.close()


async def test_an_address_in_the_librarys_message_is_left_out(
    empty_surroundings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_credential(_: Any) -> None:
        raise ConnectionError("cannot reach http://user:password@host/path?token=secret today")

    monkeypatch.setattr(Client, "get_credential", get_credential)
    chain = ChainCredentials(clock=Clock())
    with pytest.raises(CccRefused, match=r"cannot reach \(address\) today"):
        await chain.get()
    chain.close()


async def test_the_environments_key_is_found_by_a_process_of_its_own(tmp_path: Path) -> None:
    program = (
        "import asyncio, time; from service.ccc.credentials import ChainCredentials as Chain;"
        "key = asyncio.run(Chain(clock=time.monotonic).get());"
        "print(key.id, key.secret, key.security_token)"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env={
            "HOME": str(tmp_path),
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "env-id",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "env-secret",
            "ALIBABA_CLOUD_SECURITY_TOKEN": "env-token",
        },
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    assert told.decode().split() == ["env-id", "env-secret", "env-token"]
