"""The table of the routes: what is registered, and what the OpenAPI document describes."""

from http import HTTPStatus
from typing import Any

from service.api import examples, inventory, numbers, openapi, ops, outcomes, pick
from service.api.answers import Readiness
from service.api.bodies import JSON
from service.api.callees import ROUTES as CALLEES
from service.api.coverage import ROUTES as COVERAGE
from service.api.experiment import ROUTE as EXPERIMENT
from service.api.parking import ROUTES as PARKING
from service.api.report import ROUTE as REPORT
from service.api.route import Content, Route, good
from service.errors import (
    CalleeBudgetExceeded,
    CallIdReused,
    CccMalformed,
    CccRefused,
    CccThrottled,
    CccUnavailable,
    InvalidCalledNumber,
    InventoryUnavailable,
    NoEligibleNumber,
    OutsideCallingWindow,
    Overloaded,
    UnknownCall,
)
from service.metrics import CONTENT_TYPE
from service.numbers import InstanceQuery, NumberQuery
from service.outcomes import OutcomeReport
from service.picking import PickRequest
from service.provisioning import AddRequest, BulkRequest, PartlyAdded

TEXT = "text/plain; charset=utf-8"

_FROM_CCC = (CccMalformed, CccRefused, CccThrottled, CccUnavailable, PartlyAdded)
_NEW = {"numbers": [examples.NUMBER], "usage": "Outbound"}

PICKS = (
    Route(
        "POST /v1/pick",
        pick.post,
        good(examples.PICK),
        body=PickRequest,
        example={"called_number": "13888888888", "skill_group_ids": ["sales@ccc-test"]},
        errors=(
            CallIdReused,
            CalleeBudgetExceeded,
            InvalidCalledNumber,
            InventoryUnavailable,
            NoEligibleNumber,
            OutsideCallingWindow,
            Overloaded,
        ),
        access="pick",
    ),
    Route(
        "POST /v1/outcomes",
        outcomes.post,
        good(examples.OUTCOME, HTTPStatus.ACCEPTED),
        body=OutcomeReport,
        example={"call_id": "call-17", "result": "answered", "talk_ms": 42000},
        errors=(InvalidCalledNumber, UnknownCall),
        access="pick",
    ),
)

NUMBERS = (
    Route(
        "GET /v1/numbers", numbers.get, good(examples.PAGE), (InventoryUnavailable,), NumberQuery
    ),
    Route(
        "POST /v1/numbers",
        numbers.add,
        good(examples.ADDITION),
        body=AddRequest,
        example=_NEW,
        errors=_FROM_CCC,
    ),
    Route(
        "POST /v1/numbers/bulk",
        numbers.add_bulk,
        good(examples.BULK),
        body=BulkRequest,
        example={**_NEW, "skill_group_ids": ["sales@ccc-test"]},
        errors=_FROM_CCC,
    ),
    Route("GET /v1/inventory", inventory.get, good(examples.INVENTORY), query=InstanceQuery),
    Route(
        "POST /v1/inventory/refresh",
        inventory.refresh,
        good(examples.INVENTORY),
        (InventoryUnavailable,),
        inventory.RefreshQuery,
    ),
)

_NOT_READY = {HTTPStatus.SERVICE_UNAVAILABLE: Content(JSON, Readiness)}

OPERATIONS = (
    Route(
        "GET /healthz",
        ops.healthz,
        {HTTPStatus.OK: Content(TEXT, example="ok\n")},
        access="open",
    ),
    Route("GET /readyz", ops.readyz, {**good(examples.READY), **_NOT_READY}, access="open"),
    Route("GET /metrics", ops.metrics, {HTTPStatus.OK: Content(CONTENT_TYPE)}, access="metrics"),
    Route(
        "GET /openapi.json",
        openapi.get,
        {HTTPStatus.OK: Content(JSON, dict[str, Any])},
        access="any",
    ),
)

ROUTES = (*PICKS, *NUMBERS, *PARKING, *CALLEES, *COVERAGE, REPORT, EXPERIMENT, *OPERATIONS)
