"""The session: whose proxy it takes, and what it never sends."""

from pathlib import Path

import pytest

from service.ccc.endpoints import open_session
from tests.ccc.calling import client_of
from tests.ccc.recording import Answer, RecordingServer

ENDPOINT = "http://ccc.cn-shanghai.example"


async def test_it_goes_through_the_environments_proxy(
    recorder: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", recorder.url)
    async with client_of(ENDPOINT) as client:
        await client.list_phone_numbers("ccc-test")
    (request,) = recorder.requests
    assert request.path_and_query.startswith(f"{ENDPOINT}/?InstanceId=ccc-test")
    assert request.headers["host"] == "ccc.cn-shanghai.example"


@pytest.mark.parametrize("endpoint", [ENDPOINT, "https://ccc.cn-shanghai.example"])
async def test_it_leaves_out_the_proxy_where_the_environment_says_so(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "ccc.cn-shanghai.example")
    async with open_session(endpoint) as session:
        assert session._default_proxy is None


async def test_no_proxy_stands_before_the_emulator(
    recorder: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    async with client_of(recorder.url) as client:
        await client.list_phone_numbers("ccc-test")
    assert len(recorder.requests) == 1


async def test_a_netrc_does_not_come_between(
    recorder: RecordingServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    async with client_of(recorder.url) as client:
        await client.list_phone_numbers("ccc-test")
    assert recorder.requests[0].headers["authorization"].startswith("ACS3-HMAC-SHA256 ")


async def test_cookies_are_neither_kept_nor_sent(recorder: RecordingServer) -> None:
    recorder.answers = [Answer(headers={"Set-Cookie": "a=b; Path=/"})]
    async with client_of(recorder.url) as client:
        await client.list_phone_numbers("ccc-test")
        await client.list_phone_numbers("ccc-test")
    assert all("cookie" not in request.headers for request in recorder.requests)
