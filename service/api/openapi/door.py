"""The RPC door in the OpenAPI document: one path, whose parameter `Action` says what is called.

A form can be described action by action. Parameters in a query cannot: there stand all of them.
"""

from collections import defaultdict
from http import HTTPStatus
from typing import Any

from service.api.forms import FORM
from service.api.openapi import schemas
from service.api.openapi.ccc import ANSWERS, CALLS, CccError
from service.api.openapi.schemas import Schema
from service.api.route import Route
from service.api.rpc.formats import JSON_TYPE, XML_TYPE

PATH = "/"

SHAPES = (*CALLS, *ANSWERS, CccError)

_EXAMPLE = {
    "Action": "PickOutboundNumbers",
    "Version": "2020-07-01",
    "Format": "JSON",
    "InstanceId": "ccc-test",
    "CalledNumber": "13888888888",
    "SkillGroupIdList": '["sales@ccc-test"]',
}

_DESCRIPTION = """\
Answers as `ccc.<region>.aliyuncs.com` does. PickOutboundNumbers decides as `/v1/pick` does (scope
`pick`), ListPhoneNumbers answers from the cache, and the two Adds go through to CCC and refresh
(scope `admin`). Parameters stand in the query or in a form, each once.
"""

_ERRORS = {
    HTTPStatus.BAD_REQUEST: "A parameter, a signature or the flow control; `Code` says which.",
    HTTPStatus.UNAUTHORIZED: "Neither a signature nor a token that is known here.",
    HTTPStatus.FORBIDDEN: "`Forbidden.RAM`: the credential lacks the scope or the instance.",
    HTTPStatus.NOT_FOUND: "No such action, instance or access key.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time.",
    HTTPStatus.CONFLICT: "No number may be shown now: `NoEligibleNumber`, `OutsideCallingWindow`.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than a request can be.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is compressed.",
    HTTPStatus.TOO_MANY_REQUESTS: "`CalleeBudgetExceeded`: not this callee now.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "`InternalError`; the log has it under the request's id.",
    HTTPStatus.BAD_GATEWAY: "`PartlyAdded`: adding numbers ended half-way.",
    HTTPStatus.SERVICE_UNAVAILABLE: "`ServiceUnavailable`: ask again later.",
}


def operation(route: Route) -> Schema:
    """GET or POST of the door."""
    told: Schema = {
        "operationId": f"rpc_{route.method.lower()}",
        "tags": [route.tag],
        "summary": route.summary,
        "description": _DESCRIPTION,
        "responses": _responses(),
    }
    if route.method == "GET":
        return told | {"parameters": _parameters()}
    form = {"schema": schemas.of_shapes(*CALLS), "example": _EXAMPLE}
    return told | {"requestBody": {"content": {FORM: form}}}


def _parameters() -> list[Schema]:
    """The parameters of all actions; the schemas of the form say what each may hold."""
    takers: defaultdict[str, list[str]] = defaultdict(list)
    known = schemas.components(CALLS)
    for call in CALLS:
        for name in known[call.__name__]["properties"]:
            takers[name].append(call.__name__.removesuffix("Call"))
    return [_parameter(name, actions) for name, actions in takers.items()]


def _parameter(name: str, actions: list[str]) -> Schema:
    told: Schema = {
        "name": name,
        "in": "query",
        "description": f"Of {', '.join(actions)}." if len(actions) < len(CALLS) else "Of all.",
        "required": name in ("Action", "Version"),
        "schema": {"type": "string"},
    }
    return told | {"example": _EXAMPLE[name]} if name in _EXAMPLE else told


def _responses() -> Schema:
    good = {"description": "As the action answers.", **_body(*ANSWERS)}
    bad = {
        str(int(status)): {"description": meaning, **_body(CccError)}
        for status, meaning in _ERRORS.items()
    }
    relayed = {"description": "CCC's own refusal of an addition.", **_body(CccError)}
    return {"200": good, **bad, "4XX": relayed}


def _body(*shapes: Any) -> Schema:
    schema = {"schema": schemas.of_shapes(*shapes)}
    return {
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {JSON_TYPE: schema, XML_TYPE: schema},
    }
