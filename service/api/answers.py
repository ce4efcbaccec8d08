"""The JSON answers of the handlers, beside the picks: types that are written and described."""

from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from service.api.parts import Components
from service.numbers import Parked

_encoder = msgspec.json.Encoder()


class OutcomeReply(msgspec.Struct, frozen=True):
    """The outcome is accepted."""

    request_id: str


class ParkReply(msgspec.Struct, frozen=True):
    """A number that is out now, until when, and the operator's words."""

    request_id: str
    number: str
    parked: Parked
    reason: str


class UnparkReply(msgspec.Struct, frozen=True):
    """A number that no operator keeps out any more."""

    request_id: str
    number: str


class AdditionReply(msgspec.Struct, frozen=True):
    """The fate of each number that was to be added."""

    request_id: str
    added: tuple[str, ...]
    failed: tuple[str, ...]
    pending: tuple[str, ...]


class BulkAdditionReply(msgspec.Struct, frozen=True):
    """The fate of each number that was to be added and bound to skill groups."""

    request_id: str
    added: tuple[str, ...]
    failed: tuple[str, ...]
    in_use: tuple[str, ...]
    in_arrears: tuple[str, ...]
    pending: tuple[str, ...]


class LastSweep(msgspec.Struct, frozen=True):
    """The result of the last sweep."""

    result: str
    at: float
    duration: float
    total: int
    added: int
    removed: int
    held: int
    detail: str


class InventoryState(msgspec.Struct, frozen=True):
    """The inventory of one instance; null stands for what there is not yet."""

    instance_id: str
    generation: int | None
    numbers: int
    candidates: int
    age_seconds: float | None
    stale: bool
    last_sweep: LastSweep | None


class InventoryReply(msgspec.Struct, frozen=True):
    """The inventories of the instances that who asks may ask for."""

    data: tuple[InventoryState, ...]


class Readiness(msgspec.Struct, frozen=True):
    """The answer of `/readyz`: whether to send requests here, and each component by name."""

    ready: bool
    components: Components


def answer(body: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """One of these as JSON."""
    headers = {"Content-Type": "application/json"}
    return web.Response(status=status, body=_encoder.encode(body), headers=headers)
