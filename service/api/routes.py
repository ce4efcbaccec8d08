"""The table of the routes: what is registered, and what the OpenAPI document describes."""

from http import HTTPStatus
from typing import Any

from service.api import examples, inventory, numbers, openapi, ops, outcomes, pick
from service.api.answers import (
    AdditionReply,
    BulkAdditionReply,
    InventoryReply,
    OutcomeReply,
    Readiness,
)
from service.api.bodies import JSON
from service.api.callees import ROUTES as CALLEES
from service.api.coverage import ROUTES as COVERAGE
from service.api.experiment import ROUTE as EXPERIMENT
from service.api.parking import ROUTES as PARKING
from service.api.report import ROUTE as REPORT
from service.api.route import Content, Route, ok
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
from service.numbers import (
    InstanceQuery,
    NumberPage,
    NumberQuery,
)
from service.outcomes import OutcomeReport
from service.picking import PickRequest
from service.provisioning import AddRequest, BulkRequest, PartlyAdded

TEXT = "text/plain; charset=utf-8"

_FROM_CCC = (CccMalformed, CccRefused, CccThrottled, CccUnavailable, PartlyAdded)
_NEW = {"numbers": [examples.NUMBER], "usage": "Outbound"}


PICKS = (
    Route(
        method="POST",
        path="/v1/pick",
        handler=pick.post,
        tag="picks",
        summary="Choose the numbers to show to a callee",
        access="pick",
        body=PickRequest,
        example={"called_number": "13888888888", "skill_group_ids": ["sales@ccc-test"]},
        answers=ok(pick.PickResponse, examples.PICK),
        errors=(
            CallIdReused,
            CalleeBudgetExceeded,
            InvalidCalledNumber,
            InventoryUnavailable,
            NoEligibleNumber,
            OutsideCallingWindow,
            Overloaded,
        ),
    ),
    Route(
        method="POST",
        path="/v1/outcomes",
        handler=outcomes.post,
        tag="picks",
        summary="Tell how a call went on",
        access="pick",
        body=OutcomeReport,
        example={"call_id": "call-17", "result": "answered", "talk_ms": 42000},
        answers={HTTPStatus.ACCEPTED: Content(JSON, OutcomeReply, examples.OUTCOME)},
        errors=(InvalidCalledNumber, UnknownCall),
    ),
)

NUMBERS = (
    Route(
        method="GET",
        path="/v1/numbers",
        handler=numbers.get,
        tag="numbers",
        summary="List the numbers, with how each stands",
        access="admin",
        query=NumberQuery,
        answers=ok(NumberPage, examples.PAGE),
        errors=(InventoryUnavailable,),
    ),
    Route(
        method="POST",
        path="/v1/numbers",
        handler=numbers.add,
        tag="numbers",
        summary="Add numbers to an instance",
        access="admin",
        body=AddRequest,
        example=_NEW,
        answers=ok(AdditionReply, examples.ADDITION),
        errors=_FROM_CCC,
    ),
    Route(
        method="POST",
        path="/v1/numbers/bulk",
        handler=numbers.add_bulk,
        tag="numbers",
        summary="Add numbers, and bind them to skill groups",
        access="admin",
        body=BulkRequest,
        example={**_NEW, "skill_group_ids": ["sales@ccc-test"]},
        answers=ok(BulkAdditionReply, examples.BULK),
        errors=_FROM_CCC,
    ),
    Route(
        method="GET",
        path="/v1/inventory",
        handler=inventory.get,
        tag="numbers",
        summary="Show how the inventories stand",
        access="admin",
        query=InstanceQuery,
        answers=ok(InventoryReply, examples.INVENTORY),
    ),
    Route(
        method="POST",
        path="/v1/inventory/refresh",
        handler=inventory.refresh,
        tag="numbers",
        summary="Sweep an inventory now",
        access="admin",
        query=inventory.RefreshQuery,
        answers=ok(InventoryReply, examples.INVENTORY),
        errors=(InventoryUnavailable,),
    ),
)

OPERATIONS = (
    Route(
        method="GET",
        path="/healthz",
        handler=ops.healthz,
        tag="operations",
        summary="Liveness",
        access="open",
        answers={HTTPStatus.OK: Content(TEXT, example="ok\n")},
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=ops.readyz,
        tag="operations",
        summary="Readiness",
        access="open",
        answers={
            status: Content(JSON, Readiness, example)
            for status, example in (
                (HTTPStatus.OK, examples.READY),
                (HTTPStatus.SERVICE_UNAVAILABLE, None),
            )
        },
    ),
    Route(
        method="GET",
        path="/metrics",
        handler=ops.metrics,
        tag="operations",
        summary="Metrics for Prometheus",
        access="metrics",
        answers={HTTPStatus.OK: Content(CONTENT_TYPE)},
    ),
    Route(
        method="GET",
        path="/openapi.json",
        handler=openapi.get,
        tag="operations",
        summary="This document",
        access="any",
        answers={HTTPStatus.OK: Content(JSON, dict[str, Any])},
    ),
)

ROUTES = (*PICKS, *NUMBERS, *PARKING, *CALLEES, *COVERAGE, REPORT, EXPERIMENT, *OPERATIONS)
