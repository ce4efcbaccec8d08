"""`POST /v1/pick`, and the way of any pick through this process: let in, read, decided, counted."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from service.api import bodies, forms
from service.api.gate import Admission
from service.api.parts import API, REQUEST_ID, Api, arrival_of
from service.api.problems import STATUS, InternalError, RequestId
from service.errors import Forbidden
from service.ledger.port import turns_of
from service.metrics import pick_bucket
from service.picking import Candidate, Pair, PickAnswer, PickRequest
from service.picking.refusals import answer_without_numbers

Enter = Callable[[], Admission]
Read = Callable[[Admission], Awaitable[PickRequest]]

HEADERS = {"Content-Type": bodies.JSON}

_decoder = msgspec.json.Decoder(PickRequest)
_encoder = msgspec.json.Encoder()


class PickQuery(Struct, frozen=True):
    """The format of the answer."""

    format: Literal["json", "text"] = "json"


class PickResponse(Struct, frozen=True, gc=False):
    """The answer as it is written."""

    request_id: RequestId
    source: Annotated[
        str,
        Meta(
            description="Who decided: `redis`, `memory` (embedded), `degraded` (Redis out of "
            "reach, decided in this process) or `ccc` (Alibaba's own pick)."
        ),
    ]
    data: Annotated[tuple[Pair, ...], Meta(description="Whom to show, best first.")]
    explanation: Annotated[
        tuple[Candidate, ...] | UnsetType,
        Meta(description="Where `explain` asks: who was looked at, in order, and who is parked."),
    ] = UNSET
    arm: Annotated[
        Literal["local", "any"] | UnsetType,
        Meta(description="The callee's arm of the experiment, where `explain` asks."),
    ] = UNSET


async def post(request: web.Request) -> web.Response:
    """Choose the numbers to show to a callee; `?format=text` has them alone, a line each."""
    api = request.app[API]
    enter, read = partial(_enter, request, api), partial(_read, request, api)
    answer = await answer_pick(api, request[REQUEST_ID], enter, read)
    if request.query_string and _wants_text(request):
        return web.Response(text="".join(f"{pair.caller.number}\n" for pair in answer.data))
    return web.Response(body=encode(answer, request[REQUEST_ID]), headers=HEADERS)


def decode(body: bytes) -> PickRequest:
    """A pick of its JSON.

    Raises:
        MalformedRequest: it is no strict JSON.
        InvalidField: it is, and no pick.
    """
    return bodies.decode(body, _decoder)


def encode(answer: PickAnswer, request_id: str) -> bytes:
    """An answer as JSON."""
    explanation = UNSET if answer.explanation is None else answer.explanation
    arm = answer.arm or UNSET
    return _encoder.encode(PickResponse(request_id, answer.source, answer.data, explanation, arm))


async def answer_pick(api: Api, request_id: str, enter: Enter, read: Read) -> PickAnswer:
    """Take a pick that aiohttp has read from its arrival to its answer.

    Args:
        api: what the handlers work with.
        request_id: the request's.
        enter: finds out who asks, and lets the pick through the gate.
        read: makes the pick of what arrived.

    Raises:
        CallerIdError: there is no answer; the refusal is counted.
    """
    asked = None
    try:
        admission = enter()
        with admission:
            asked = await read(admission)
            answer = await decide(api, admission, asked)
    except Exception as error:
        note_refusal(api, request_id, asked, error)
        raise
    note_answer(api, request_id, admission, asked, answer)
    return answer


def decide(api: Api, admission: Admission, asked: PickRequest) -> Awaitable[PickAnswer]:
    """Have a pick decided that was let in and read.

    Raises:
        Forbidden: it is for another instance than its sender may ask for.
        Overloaded: it is too much, or too late.
    """
    admission.asker.keep_to(asked.instance_id)
    api.gate.weigh(admission, turns_of(asked.count, len(asked.skill_group_ids)))
    return api.parts.picker.pick(asked)


def note_answer(
    api: Api, request_id: str, admission: Admission, asked: PickRequest, answer: PickAnswer
) -> None:
    """Count an answered pick, and keep it for the console."""
    instance = api.label(asked.instance_id)
    seconds = api.parts.timer() - admission.arrived
    pair = answer.data[0]
    key = instance, answer.source, pair.match, pair.callee.province, pick_bucket(seconds)
    api.answered.count(key, seconds)
    api.last_picks.append((api.parts.clock(), request_id, instance, asked, answer, ""))


def note_refusal(api: Api, request_id: str, asked: PickRequest | None, error: Exception) -> None:
    """Count a refused pick, and keep it for the console; `asked` is None where it was not read."""
    code = _code(error)
    instance = "" if asked is None or code == Forbidden.code else api.label(asked.instance_id)
    api.refused[instance, code].inc()
    if asked is not None:
        refused = answer_without_numbers(error)
        api.last_picks.append((api.parts.clock(), request_id, instance, asked, refused, code))


def _code(error: Exception) -> str:
    code = getattr(error, "code", "")
    return code if code in STATUS else InternalError.code


def _enter(request: web.Request, api: Api) -> Admission:
    return api.gate.enter(api.tokens.require(request, "pick"), arrival_of(request, api))


async def _read(request: web.Request, api: Api, admission: Admission) -> PickRequest:
    if request.query_string:
        _wants_text(request)  # a wrong format is refused before anything is picked
    asked = await forms.read(request, _decoder)
    admission.arrived = arrival_of(request, api)  # its last byte: a body may take its time
    return asked


def _wants_text(request: web.Request) -> bool:
    return forms.query(request, PickQuery).format == "text"
