"""Let CCC's own PickOutboundNumbers decide, and believe only a valid answer.

Only where the inventory has no candidate at all. That every number is capped or parked is no
reason to ask: CCC knows neither our caps nor our parks.
"""

import asyncio

import msgspec

from service.ccc.payloads import NumberPair
from service.errors import CccError
from service.inventory import OUTBOUND_USAGES, Inventory
from service.ledger import Decision
from service.locality import restore_number
from service.picking import PickRequest, PlacedNumber
from service.picking.instance import Instance
from service.picking.question import Question


class CccChoice(msgspec.Struct):
    """The result of asking CCC: callers that may be shown, and its word on the callee's place.

    `decisions` are the ledger's on the numbers that it did not let pass.
    """

    callers: list[PlacedNumber] = []
    decisions: list[Decision] = []
    callee: PlacedNumber = PlacedNumber("", "", "")


def may_ask_ccc(instance: Instance, request: PickRequest) -> bool:
    """Return whether CCC's pick may stand in: it knows skill groups, and none of our filters.

    A dry run does not ask either: CCC would count it.
    """
    filtered = request.min_match or request.exclude or request.agent_id or request.tags
    groups = bool(request.skill_group_ids)
    return bool(instance.fallback_seconds) and groups and not filtered and not request.dry_run


async def ask_ccc(question: Question) -> CccChoice:
    """CCC's choice, less the numbers that may not be shown.

    No callers where CCC had none, did not answer in time, or has no token free now.
    """
    instance, request = question.instance, question.request
    choice = CccChoice()
    try:
        async with asyncio.timeout(instance.fallback_seconds):
            pairs = await instance.ccc.pick_outbound_numbers(
                instance.instance_id,
                question.callee.number,
                request.skill_group_ids,
                request.count,
                wait=False,
            )
    except (CccError, TimeoutError):
        return choice
    if pairs:
        callee = pairs[0].callee
        choice.callee = PlacedNumber("", callee.province, callee.city)
    for pair in pairs[: request.count]:
        await _weigh(question, pair, choice)
    return choice


async def _weigh(question: Question, pair: NumberPair, choice: CccChoice) -> None:
    try:
        number = restore_number(pair.caller.number)
    except ValueError:
        return
    if not _may_show(question.instance.keeper.inventory, number):
        return
    decision = await question.instance.ledger.pick(question.take(number))
    if decision.picked.uses:
        choice.callers.append(PlacedNumber(number, pair.caller.province, pair.caller.city))
    else:
        choice.decisions.append(decision)


def _may_show(inventory: Inventory | None, number: str) -> bool:
    """Return whether the inventory, if there is one, lets this number be shown."""
    if inventory is None:
        return not number.startswith("400")
    own = inventory.numbers.get(number)
    return (
        own is not None
        and own.active
        and own.usage in OUTBOUND_USAGES
        and not own.agent_id
        and not number.startswith("400")
    )
