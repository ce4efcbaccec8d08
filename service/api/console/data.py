"""The data of the console: the overview, parked numbers, the last picks, and a trial pick."""

import os
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Annotated, Any

import msgspec
from aiohttp import web

from service.api import bodies, forms
from service.api.parts import REQUEST_ID, admitted
from service.api.recent import shown
from service.picking import Identifier, PickRequest

Word = Annotated[str, msgspec.Meta(max_length=64)]

_decoder = msgspec.json.Decoder(PickRequest)
_encoder = msgspec.json.Encoder()


class OverviewQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The instance whose overview is asked for."""

    instance_id: Identifier = ""


class ParkedQuery(OverviewQuery, frozen=True):
    """A filter over an instance's parked numbers, and a page of them; "" filters nothing."""

    province: Word = ""
    reason: Word = ""
    page: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 1
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


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


async def parked(request: web.Request) -> web.Response:
    """One page of the parked numbers, each as it stands at this moment.

    Who is parked is known from the overview; whoever has come back since is left out.
    """
    api, asker = admitted(request, "admin")
    asked = forms.query(request, ParkedQuery)
    asker.keep_to(asked.instance_id)
    counted = await api.parts.overviews.of(asked.instance_id)
    lists = [
        numbers
        for (province, reason), numbers in counted.parked_numbers.items()
        if reason == asked.reason and asked.province in ("", province)
    ]
    first = (asked.page - 1) * asked.page_size
    page = islice(chain.from_iterable(lists), first, first + asked.page_size)
    entries = await api.parts.directory.look_up(counted.instance_id, page)
    still = [entry for entry in entries if entry.available is not True]
    return _answer(
        request,
        {
            "data": still,
            "page": asked.page,
            "page_size": asked.page_size,
            "total": sum(map(len, lists)),
        },
    )


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
