"""A server in CCC's place that keeps what it is asked and answers what a test tells it to."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from aiohttp import web

EMPTY_LIST = {"Code": "OK", "Data": {"TotalCount": 0, "List": []}}


class Recorded(NamedTuple):
    method: str
    path_and_query: str
    params: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: str


class Answer(NamedTuple):
    """What to answer: with no status the connection breaks, with `hang` nothing comes at all."""

    status: int = 200
    body: Any = EMPTY_LIST
    headers: Mapping[str, str] = {}
    hang: bool = False


BREAK = Answer(status=0)
HANG = Answer(hang=True)


def error(status: int, code: str, **headers: str) -> Answer:
    body = {"Code": code, "Message": f"it said {code}", "RequestId": "R-1"}
    return Answer(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


class RecordingServer:
    """Answers in the order of `answers`, and the last of them for ever."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.asked = asyncio.Event()
        self.answers = [Answer()]
        self.url = ""
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        connection = str(request.transport.get_extra_info("peername"))
        self.requests.append(
            Recorded(
                request.method,
                request.raw_path,
                dict(request.query),
                {name.lower(): text for name, text in request.headers.items()},
                await request.read(),
                connection,
            )
        )
        self.asked.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.hang:
            await self._stopping.wait()
        if not answer.status:
            request.transport.abort()
        body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
        return web.Response(
            status=answer.status or 200,
            body=body,
            content_type="application/json",
            headers=answer.headers,
        )
