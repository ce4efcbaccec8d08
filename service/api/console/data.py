"""The data of the console: the overview, a filter's numbers, the last picks, a trial pick."""

import os
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from service.api import bodies, forms
from service.api.parts import REQUEST_ID, admitted
from service.api.recent import shown
from service.numbers import MOST_NUMBERS, NumberQuery
from service.picking import Identifier, PickRequest

_decoder = msgspec.json.Decoder(PickRequest)
_encoder = msgspec.json.Encoder()


class OverviewQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The instance whose overview is asked for."""

    instance_id: Identifier = ""


async def overview(request: web.Request) -> web.Response:
    """An instance's numbers by province, and how far they are used today."""
    api, asker = admitted(request, "admin")
    instance_id = forms.query(request, OverviewQuery).instance_id
    asker.keep_to(instance_id)
    counted = await api.parts.overviews.of(instance_id)
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
    api, asker = admitted(request, "admin")
    asked = forms.query(request, NumberQuery)
    asker.keep_to(asked.instance_id)
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
    api, asker = admitted(request, "admin")
    asked = await bodies.read_json(request, _decoder)
    asker.keep_to(asked.instance_id)
    with api.gate.enter(asker, api.parts.timer()):
        return _answer(request, msgspec.structs.asdict(await api.parts.trials.run(asked)))


def _answer(request: web.Request, body: dict[str, Any]) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    body = {"request_id": request[REQUEST_ID], **body}
    return web.Response(body=_encoder.encode(body), headers=headers)
