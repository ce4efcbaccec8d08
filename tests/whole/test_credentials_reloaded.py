"""Credentials are read again by SIGHUP, those behind files too, and nobody dropped stays let in."""

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from service.api.express import Connection
from service.emulator import running
from service.settings import AccessKeySettings, Auth, Client, Secret, Selection, Settings
from service.settings.loading import load
from tests.http.http_fixtures import Service as Unstarted
from tests.rpc.rpc_fixtures import signed
from tests.whole.services import (
    Running,
    chengdu_numbers,
    emulator_of,
    settings_for,
    started,
)

KEY = AccessKeySettings(id="old-key", secret=Secret("old-secret"), scopes=("pick", "admin"))
NEW_KEY = AccessKeySettings(id="new-key", secret=Secret("new-secret"), scopes=("pick", "admin"))


def client(token: str, *scopes: Any, **more: Any) -> Client:
    return Client(name=token, token=Secret(token), scopes=scopes or ("pick",), **more)


OLD = Auth(
    required="always",
    clients=(client("dropped"), client("narrowed"), client("operator", "admin")),
    access_keys=(KEY,),
)
NEW = Auth(
    required="always",
    clients=(
        client("added"),
        client("narrowed", "metrics"),
        client("operator", "admin"),
    ),
    access_keys=(NEW_KEY,),
)


@pytest.fixture
async def service() -> AsyncIterator[Running]:
    async with running(emulator_of(chengdu_numbers(3))) as address:
        settings = replace(settings_for(f"http://{address}"), auth=OLD)
        async with started(settings) as service:
            yield service


def changed(service: Running, **parts: Any) -> Callable[[], Settings]:
    return lambda: replace(service.service._settings, **parts)


async def picked(service: Running, token: str) -> int:
    service.client.headers["Authorization"] = f"Bearer {token}"
    status, _ = await service.pick()
    return status


async def listed_by(service: Running, key: AccessKeySettings) -> str:
    """What the RPC door says to a call that is signed with a key."""
    params = {"InstanceId": "ccc-test", "PageNumber": "1", "PageSize": "10"}
    sent = signed(Unstarted(), "rpc_v1", "ListPhoneNumbers", params, key=key)
    async with service.client.post(service.url + sent.path) as response:
        return str((await response.json(content_type=None))["Code"])


async def test_whoever_was_dropped_is_refused_at_once_by_the_express_lane_too(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_lane: list[bytes] = []
    answer = Connection._answer

    async def noted(connection: Connection, *about: Any) -> None:
        by_lane.append(about[-1])
        await answer(connection, *about)

    monkeypatch.setattr(Connection, "_answer", noted)
    tokens = ("dropped", "narrowed", "added")
    assert [await picked(service, token) for token in tokens] == [200, 200, 401]
    assert [await picked(service, token) for token in tokens] == [200, 200, 401]
    assert len(by_lane) == 2
    await service.service.reload(changed(service, auth=NEW))
    assert [await picked(service, token) for token in tokens] == [401, 403, 200]


async def test_access_keys_come_and_go(service: Running) -> None:
    assert await listed_by(service, KEY) == "OK"
    assert await listed_by(service, NEW_KEY) == "InvalidAccessKeyId.NotFound"
    await service.service.reload(changed(service, auth=NEW))
    assert await listed_by(service, KEY) == "InvalidAccessKeyId.NotFound"
    assert await listed_by(service, NEW_KEY) == "OK"


async def test_what_a_start_would_refuse_is_refused_as_a_whole(service: Running) -> None:
    nobody = replace(NEW, clients=(), access_keys=())
    never = Selection(calling_window="00:00-00:01")
    await service.service.reload(changed(service, auth=nobody, selection=never))
    assert await picked(service, "dropped") == 200
    registry = service.service.metrics.registry
    counted = registry.get_sample_value("callerid_config_reloads_total", {"result": "refused"})
    assert counted == 1


async def test_the_log_names_what_waits_for_a_restart_and_no_value(
    service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    settings = service.service._settings
    read = changed(
        service,
        server=replace(settings.server, port=1, workers=3, allowed_hosts=("callerid.internal",)),
        redis=replace(settings.redis, url=Secret("redis://:5ecret@h")),
        instances=(replace(settings.instances[0], scope="common"),),
    )
    with caplog.at_level(logging.INFO):
        await service.service.reload(read)
    (line,) = [text for text in caplog.messages if "waits for a restart" in text]
    assert line.endswith(": server.port, server.workers, redis.url, instances")
    assert await picked(service, "dropped") == 200


async def test_secrets_behind_files_are_read_again(tmp_path: Path) -> None:
    secret = tmp_path / "clients"
    file = tmp_path / "callerid.toml"

    def write(token: str) -> None:
        table = [{"name": "dialer", "token": token, "scopes": ["pick"]}]
        secret.write_bytes(orjson.dumps(table))

    def read() -> Settings:
        return load(file, {"CALLERID_AUTH__CLIENTS_FILE": str(secret)})

    async with running(emulator_of(chengdu_numbers(3))) as address:
        endpoint = f"http://{address}"
        file.write_text(
            f'[server]\nport = 0\ndrain_seconds = 0\n[auth]\nrequired = "always"\n'
            f'[ccc]\nendpoint = "{endpoint}"\n[[instances]]\nid = "ccc-test"\n'
            f'ccc = {{access_key_id = "test-key", access_key_secret = "test-secret"}}\n',
            "utf-8",
        )
        write("before")
        async with started(read()) as service:
            assert await picked(service, "before") == 200
            write("after")
            await service.service.reload(read)
            assert await picked(service, "before") == 401
            assert await picked(service, "after") == 200
