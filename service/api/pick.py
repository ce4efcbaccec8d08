"""`POST /v1/pick`, and the way of any pick through this process: let in, read, decided, counted."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from service.api import bodies, forms
from service.api.parts import API, REQUEST_ID, Api
from service.api.problems import STATUS, InternalError
from service.api.recent import refusal_of
from service.errors import InvalidField, UnsupportedMediaType
from service.picking import Candidate, Pair, PickAnswer, PickRequest

Read = Callable[[web.Request, Api], Awaitable[PickRequest]]

_FORM = "application/x-www-form-urlencoded"

_decoder = msgspec.json.Decoder(PickRequest)
_encoder = msgspec.json.Encoder()


class Reply(msgspec.Struct, frozen=True, gc=False):
    """The answer as it is written."""

    request_id: str
    source: str
    data: tuple[Pair, ...]


class ExplainedReply(Reply, frozen=True, gc=False):
    """The answer to who asked why: every candidate that was looked at, in order."""

    explanation: tuple[Candidate, ...]


async def post(request: web.Request) -> web.Response:
    """Answer in JSON or, with `?format=text`, with the callers alone, a line each."""
    answer = await answer_pick(request, _read)
    if request.query_string and _wants_text(request):
        return web.Response(text="".join(f"{pair.caller.number}\n" for pair in answer.data))
    reply = Reply(request[REQUEST_ID], answer.source, answer.data)
    if answer.explanation is not None:
        reply = ExplainedReply(reply.request_id, reply.source, reply.data, answer.explanation)
    headers = {"Content-Type": "application/json"}
    return web.Response(body=_encoder.encode(reply), headers=headers)


async def answer_pick(request: web.Request, read: Read) -> PickAnswer:
    """Take a pick from its arrival to its answer; both doors pick through here.

    Args:
        request: as it arrived, its body not yet read.
        read: makes the pick of it.

    Raises:
        CallerIdError: there is no answer; the refusal is counted.
    """
    api = request.app[API]
    started = api.parts.timer()
    instance, asked = "", None
    try:
        api.tokens.require(request, "pick")
        with api.gate:
            asked = await read(request, api)
            instance = api.label(asked.instance_id)
            answer = await api.parts.picker.pick(asked)
    except Exception as error:
        code = _code(error)
        api.refused[instance, code].inc()
        if asked is not None:
            kept = refusal_of(error, code)
            api.last_picks.append((api.parts.clock(), request[REQUEST_ID], instance, asked, kept))
        raise
    api.picked[instance, answer.source, answer.data[0].match].inc()
    api.durations[(answer.source,)].observe(api.parts.timer() - started)
    api.last_picks.append((api.parts.clock(), request[REQUEST_ID], instance, asked, answer))
    return answer


def _code(error: Exception) -> str:
    code = getattr(error, "code", "")
    return code if code in STATUS else InternalError.code


async def _read(request: web.Request, api: Api) -> PickRequest:
    if request.query_string:
        _wants_text(request)  # a wrong format is refused before anything is picked
    kind = request.content_type
    if kind not in ("application/json", _FORM):
        raise UnsupportedMediaType(f"Content-Type: send application/json or {_FORM}")
    body = await bodies.read(request, api.parts.body_seconds)
    if kind == _FORM:
        return forms.decode(body, PickRequest)
    return bodies.decode(body, _decoder)


def _wants_text(request: web.Request) -> bool:
    form = request.query.get("format", "json")
    if form not in ("json", "text"):
        raise InvalidField("format", "takes json or text")
    return form == "text"
