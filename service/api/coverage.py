"""`/v1/coverage`: which numbers to buy where, which are idle, and what runs out tomorrow."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from service.api import admin, bodies, examples
from service.api.answers import answer
from service.api.parts import API
from service.api.route import Route, good
from service.api.tables import CSV, MARK, csv_lines, safe
from service.coverage.report import Coverage
from service.errors import (
    InventoryUnavailable,
    LedgerUnavailable,
    MalformedRequest,
    UnsupportedMediaType,
)
from service.numbers import InstanceQuery
from service.numbers.coverages import DemandRow, NamedRow, rows_of

MAX_BYTES = 524_288  # of a file of demand: all cities, every hour, three groups


class CoverageQuery(InstanceQuery, frozen=True, forbid_unknown_fields=True):
    """How many numbers to place, and the format of the answer."""

    buy: Annotated[int, Meta(ge=0, le=10_000, description="How many numbers to place at most.")] = (
        100
    )


class PlanQuery(CoverageQuery, frozen=True, forbid_unknown_fields=True):
    """The same, with the format of the answer: `csv` is the table of what to buy."""

    format: Literal["json", "csv"] = "json"


class DemandRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A day's demand, by which to plan in the place of what was counted."""

    demand: Annotated[
        tuple[DemandRow, ...], Meta(description="Calls by skill group, city and hour.")
    ]


_decoder = msgspec.json.Decoder(DemandRequest)


async def get(request: web.Request) -> web.Response:
    """Say which numbers to buy where: by the demand of the last two weeks that was counted here.

    Raises:
        LedgerUnavailable: it cannot be read now.
    """
    return await _planned(request, admin.query(request, PlanQuery))


async def post(request: web.Request) -> web.Response:
    """Say which numbers to buy where, by a day's demand.

    That comes as JSON or as CSV: `skill_group_id,city,hour,calls`.

    Raises:
        UnsupportedMediaType: the body is neither.
        MalformedRequest, InvalidField: it cannot be read.
    """
    asked = admin.query(request, PlanQuery)
    if request.content_type not in (bodies.JSON, CSV):
        raise UnsupportedMediaType(f"Content-Type: send {bodies.JSON} or {CSV}")
    body = await bodies.read(request, MAX_BYTES)
    if request.content_type == bodies.JSON:
        rows = enumerate((await bodies.decode_long(body, _decoder)).demand)
        return await _planned(request, asked, ((f"demand[{at}]", row) for at, row in rows))
    try:
        return await _planned(request, asked, rows_of(body.decode()))
    except UnicodeDecodeError:
        raise MalformedRequest("The file is not in UTF-8; save it so") from None


async def _planned(
    request: web.Request, asked: PlanQuery, demand: Iterable[NamedRow] | None = None
) -> web.Response:
    planned = await request.app[API].parts.coverages.of(asked.instance_id, asked.buy, demand)
    if asked.format == "csv":
        return web.Response(text=_table(planned), content_type=CSV)
    return answer(planned)


def _table(coverage: Coverage) -> str:
    columns = ["skill_group_id", "province", "city", "area_code", "count", "gain"]
    rows = [[safe(getattr(purchase, column)) for column in columns] for purchase in coverage.buy]
    return MARK + csv_lines([columns, *rows])


ROUTES = (
    Route(
        "GET /v1/coverage",
        get,
        good(examples.COVERAGE),
        (InventoryUnavailable, LedgerUnavailable),
        CoverageQuery,
    ),
    Route(
        "POST /v1/coverage",
        post,
        good(examples.COVERAGE),
        query=CoverageQuery,
        body=DemandRequest,
        example={"demand": [examples.DEMAND]},
        errors=(InventoryUnavailable,),
    ),
)
