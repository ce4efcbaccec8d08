"""The data of the console: the overview, a filter's numbers, the last picks, a trial pick."""

import os
from typing import Any

from aiohttp import web
from msgspec.structs import asdict

from service.api import admin
from service.api.answers import NOT_TO_BE_STORED, answer
from service.api.auth import asker_of
from service.api.parts import API, REQUEST_ID, admitted
from service.api.recent import shown
from service.numbers import MOST_NUMBERS, InstanceQuery, NumberQuery
from service.picking import PickRequest


class OverviewQuery(InstanceQuery, frozen=True, forbid_unknown_fields=True):
    """The instance whose overview is asked for."""


async def overview(request: web.Request) -> web.Response:
    """An instance's numbers by province, and how far they are used today."""
    asked = admin.query(request, OverviewQuery)
    overviews = request.app[API].parts.overviews
    return _answer(request, asdict(await overviews.of(asked.instance_id)))


async def matching(request: web.Request) -> web.Response:
    """The numbers that a filter leaves, no more than can be parked or lifted at once."""
    asked = admin.query(request, NumberQuery)
    numbers = await request.app[API].parts.directory.matching(asked)
    return _answer(request, {"numbers": [own.number for own in numbers[:MOST_NUMBERS]]})


async def picks(request: web.Request) -> web.Response:
    """The last picks that this process decided, the newest first."""
    api, asker = admitted(request, "admin")
    last = [shown(pick) for pick in reversed(api.last_picks) if asker.may_see(pick[2])]
    workers = api.parts.settings.server.workers
    return _answer(request, {"worker": os.getpid(), "workers": workers, "data": last})


async def try_pick(request: web.Request) -> web.Response:
    """Try a pick, as `/v1/pick` takes it; nothing is recorded, whatever it says of that."""
    api, asked = request.app[API], await admin.body(request, PickRequest)
    with api.gate.enter(asker_of(request), api.parts.timer()):
        return _answer(request, asdict(await api.parts.trials.run(asked)))


def _answer(request: web.Request, body: dict[str, Any]) -> web.Response:
    return answer({"request_id": request[REQUEST_ID], **body}, headers=NOT_TO_BE_STORED)
