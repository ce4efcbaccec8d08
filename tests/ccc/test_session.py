"""The session: whose proxy it takes, and what it never sends."""

import asyncio
from pathlib import Path

import pytest

from service.ccc.endpoints import open_session
from service.cli.check.endpoints import reach
from service.errors import CccUnavailable, SettingsError
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


async def test_a_proxy_without_a_scheme_and_with_a_login_is_taken_as_it_is_meant(
    recorder: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", recorder.url.replace("http://", "us%40er:hunter2@"))
    async with client_of(ENDPOINT) as client:
        await client.list_phone_numbers("ccc-test")
    headers = recorder.requests[0].headers
    assert headers["proxy-authorization"] == "Basic dXNAZXI6aHVudGVyMg=="
    assert headers["authorization"].startswith("ACS3-HMAC-SHA256 ")


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden"])
async def test_a_proxy_that_refuses_does_not_have_its_login_repeated(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"user:hunter2@127.0.0.1:{port}")
        endpoint = "https://ccc.cn-shanghai.example"
        (finding,) = (await reach([endpoint], 5)).values()
        async with client_of(endpoint) as client:
            with pytest.raises(CccUnavailable) as refused:
                await client.list_phone_numbers("ccc-test")
    assert finding.text.startswith("out of reach: the proxy does not let it through: look at")
    assert "hunter2" not in f"{finding} {refused.value!r} {refused.value}"


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://user:hunter2@h:1",
        "user:hunter2@h:port",
        "http://",
        "user:hun/ter2@h:1",
        "user:1/ter2@h:1",
        "user/hunter2@h:1",
        "user:1#ter2@h:1",
        "user?hunter2@h:1",
    ],
)
async def test_a_proxy_that_is_none_is_refused_and_not_repeated(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(SettingsError) as refused:
        open_session(ENDPOINT)
    assert refused.value.faults == [
        "environment: http_proxy: found no proxy (hidden), expected http://host:port"
    ]


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
