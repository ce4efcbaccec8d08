"""When CCC's own PickOutboundNumbers decides, and what of its answer is believed.

Only where the inventory has no candidate at all. That every number is capped or parked is no
reason to ask: CCC knows neither our caps nor our parks.
"""

import asyncio

from service.ccc.payloads import NumberPair
from service.errors import CccError
from service.inventory import OUTBOUND_USAGES, Inventory
from service.ledger import Take
from service.locality import restore_number
from service.picking.instance import Instance
from service.picking.messages import PickRequest, PlacedNumber

NOWHERE = PlacedNumber("", "", "")


def may_ask_ccc(instance: Instance, request: PickRequest) -> bool:
    """Whether CCC's pick may stand in: it knows skill groups, and none of our filters.

    A dry run does not ask either: CCC would count it.
    """
    filtered = request.min_match or request.exclude or request.agent_id
    groups = bool(request.skill_group_ids)
    return bool(instance.fallback_seconds) and groups and not filtered and not request.dry_run


async def ask_ccc(
    instance: Instance, request: PickRequest, called_number: str
) -> tuple[list[PlacedNumber], PlacedNumber]:
    """CCC's choice, less the numbers that may not be shown.

    Returns:
        The callers, none where CCC had none, did not answer in time, or has no token free now;
        and what CCC says of the callee.
    """
    try:
        async with asyncio.timeout(instance.fallback_seconds):
            pairs = await instance.ccc.pick_outbound_numbers(
                instance.instance_id,
                called_number,
                request.skill_group_ids,
                request.count,
                wait=False,
            )
    except (CccError, TimeoutError):
        return [], NOWHERE
    callers = [caller for pair in pairs if (caller := await _accepted(instance, pair))]
    callee = pairs[0].callee if pairs else NOWHERE
    return callers[: request.count], PlacedNumber("", callee.province, callee.city)


async def _accepted(instance: Instance, pair: NumberPair) -> PlacedNumber | None:
    try:
        number = restore_number(pair.caller.number)
    except ValueError:
        return None
    if not _may_show(instance.keeper.inventory, number):
        return None
    decision = await instance.ledger.pick(Take(dry_run=False, number=number))
    if not decision.picked.uses:
        return None
    return PlacedNumber(number, pair.caller.province, pair.caller.city)


def _may_show(inventory: Inventory | None, number: str) -> bool:
    """Where there is an inventory, its word on usage, agents and 400 numbers is the last."""
    if inventory is None:
        return not number.startswith("400")
    known = inventory.numbers.get(number)
    return (
        known is not None
        and known.active
        and known.usage in OUTBOUND_USAGES
        and not known.agent_id
        and not number.startswith("400")
    )
