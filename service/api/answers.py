"""The JSON answers of the handlers, beside the picks: types that are written and described."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from service.api.parts import Components, InventoryCondition
from service.api.problems import RequestId
from service.numbers import NumberResult, Parked
from service.numbers.callees import CalleeResult

NOT_TO_BE_STORED = {"Cache-Control": "no-store"}

_encoder = msgspec.json.Encoder()

_NUMBER = Meta(description="The number, in canonical form.")


class OutcomeReply(Struct, frozen=True):
    """The outcome is accepted."""

    request_id: RequestId


class ParkReply(Struct, frozen=True):
    """A number that is out now."""

    request_id: RequestId
    number: Annotated[str, _NUMBER]
    parked: Annotated[Parked, Meta(description="What keeps it out now.")]
    reason: Annotated[str, Meta(description="The operator's words.")]


class UnparkReply(Struct, frozen=True):
    """A number that is not kept out any more, for this reason at least."""

    request_id: RequestId
    number: Annotated[str, _NUMBER]


class BulkParkReply(Struct, frozen=True):
    """What became of each number, in the order given."""

    request_id: RequestId
    data: Annotated[tuple[NumberResult, ...], Meta(description="A result for each number.")]


class CalleeResults(Struct, frozen=True):
    """What became of each called number."""

    request_id: RequestId
    data: Annotated[tuple[CalleeResult, ...], Meta(description="In the order given.")]


class AdditionReply(Struct, frozen=True):
    """The fate of each number that was to be added."""

    request_id: RequestId
    added: Annotated[tuple[str, ...], Meta(description="Added.")]
    failed: Annotated[tuple[str, ...], Meta(description="Not added: CCC says no more.")]
    pending: Annotated[
        tuple[str, ...],
        Meta(
            description="Added, and not in the inventory yet; the next sweep that sees them lets "
            "them in."
        ),
    ]


class BulkAdditionReply(AdditionReply, frozen=True):
    """The fate of each number that was to be added and bound to skill groups."""

    in_use: Annotated[tuple[str, ...], Meta(description="Not added: in use elsewhere.")]
    in_arrears: Annotated[tuple[str, ...], Meta(description="Not added: in arrears.")]


class LastSweep(Struct, frozen=True):
    """The result of the last sweep."""

    result: Annotated[
        str, Meta(description="`accepted`, `held` back for what it lost, or `failed`, say.")
    ]
    at: Annotated[float, Meta(description="When it ended, in Unix time.")]
    duration: Annotated[float, Meta(description="How long it took, in seconds.")]
    total: Annotated[int, Meta(description="How many numbers CCC told.")]
    added: Annotated[int, Meta(description="How many numbers are new.")]
    removed: Annotated[int, Meta(description="How many numbers are gone.")]
    held: Annotated[int, Meta(description="Numbers absent, or no more to be shown, that stay.")]
    detail: Annotated[str, Meta(description="Why it failed or was held back.")]


class UnreadableExample(Struct, frozen=True):
    """A row of CCC's list that cannot be read."""

    number: Annotated[str, Meta(description="What stands for its number, masked; often empty.")]
    reason: Annotated[str, Meta(description="Why it cannot be read.")]


class InventoryState(Struct, frozen=True):
    """The inventory of one instance; null stands for what there is not yet."""

    instance_id: Annotated[str, Meta(description="The instance.")]
    generation: Annotated[int | None, Meta(description="Counts the accepted inventories.")]
    numbers: Annotated[int, Meta(description="How many numbers there are.")]
    candidates: Annotated[int, Meta(description="How many of them may be picked, limits aside.")]
    age_seconds: Annotated[
        float | None, Meta(description="Since the last sweep that confirmed it.")
    ]
    stale: Annotated[bool, Meta(description="Whether it has gone unconfirmed for too long.")]
    unreadable: Annotated[
        int, Meta(description="Rows of CCC's list that were set aside: they cannot be read.")
    ]
    unreadable_examples: Annotated[
        tuple[UnreadableExample, ...], Meta(description="Some of them, those alike once.")
    ]
    last_sweep: Annotated[LastSweep | None, Meta(description="How the last sweep went.")]


class InventoryReply(Struct, frozen=True):
    """The inventories of the instances that who asks may ask for."""

    data: Annotated[tuple[InventoryState, ...], Meta(description="The inventories.")]
    unused_overrides: Annotated[
        tuple[str, ...],
        Meta(description="The entries of `[[numbers]]` by which no number of any instance goes."),
    ] = ()


class Readiness(Struct, frozen=True):
    """The answer of `/readyz`: whether to send requests here, and why not."""

    ready: Annotated[bool, Meta(description="Whether requests should come here.")]
    inventories: Annotated[
        Mapping[InventoryCondition, int],
        Meta(description="How many instances' inventories are in each state."),
    ]
    components: Annotated[Components, Meta(description="How each component is.")]


def answer(
    body: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] = {}
) -> web.Response:
    """One of these as JSON."""
    headers = {"Content-Type": "application/json", **headers}
    return web.Response(status=status, body=_encoder.encode(body), headers=headers)
