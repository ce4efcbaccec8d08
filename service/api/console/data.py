"""The data of the console: the overview, a filter's numbers, the last picks, a trial pick."""

import os
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from service.api import admin
from service.api.parts import REQUEST_ID, admitted
from service.api.recent import shown
from service.numbers import MOST_NUMBERS, InstanceQuery, NumberQuery
from service.picking import PickRequest

_encoder = msgspec.json.Encoder()


class OverviewQuery(InstanceQuery, frozen=True, forbid_unknown_fields=True):
    """The instance whose overview is asked for."""


async def overview(request: web.Request) -> web.Response:
    """An instance's numbers by province, and how far they are used today."""
    api, _, asked = admin.query(request, OverviewQuery)
    counted = await api.parts.overviews.of(asked.instance_id)
    return _answer(
        request,
        {
            "instance_id": counted.instance_id,
            "counted_at": datetime.fromtimestamp(counted.at / 1000, UTC),
            "skill_group_ids": counted.skill_group_ids,
            "provinces": counted.provinces,
        },
    )


async def matching(request: web.Request) -> web.Response:
    """The numbers that a filter leaves, no more than can be parked or lifted at once."""
    api, _, asked = admin.query(request, NumberQuery)
    numbers = await api.parts.directory.matching(asked)
    return _answer(request, {"numbers": [own.number for own in numbers[:MOST_NUMBERS]]})


async def picks(request: web.Request) -> web.Response:
    """The last picks that this process decided, the newest first."""
    api, asker = admitted(request, "admin")
    last = [shown(pick) for pick in reversed(api.last_picks) if asker.may_see(pick[2])]
    workers = api.parts.settings.server.workers
    return _answer(request, {"worker": os.getpid(), "workers": workers, "data": last})


async def try_pick(request: web.Request) -> web.Response:
    """Try a pick, as `/v1/pick` takes it; nothing is recorded, whatever it says of that."""
    api, asker, asked = await admin.body(request, PickRequest)
    with api.gate.enter(asker, api.parts.timer()):
        return _answer(request, msgspec.structs.asdict(await api.parts.trials.run(asked)))


def _answer(request: web.Request, body: dict[str, Any]) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    body = {"request_id": request[REQUEST_ID], **body}
    return web.Response(body=_encoder.encode(body), headers=headers)
