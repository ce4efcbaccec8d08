"""Let CCC's own PickOutboundNumbers decide, and believe only a valid answer.

Only where the inventory has no candidate at all. That every number is capped or parked is no
reason to ask: CCC knows neither our caps nor our parks.
"""

import asyncio
import logging
from itertools import islice

import msgspec

from service.ccc.payloads import NumberPair, PickedNumber
from service.ccc.rows import shown
from service.errors import CccError
from service.inventory import OUTBOUND_USAGES
from service.ledger import Decision
from service.locality import is_same_number
from service.logs import mask
from service.picking import PlacedNumber
from service.picking.question import Question

_log = logging.getLogger(__name__)


class CccChoice(msgspec.Struct):
    """The result of asking CCC: callers that may be shown, and its word on the callee's place.

    `decisions` are the ledger's on the numbers that it did not let pass, and where it had answered
    the call before.
    """

    callers: list[PlacedNumber] = []
    decisions: list[Decision] = []
    callee: PlacedNumber = PlacedNumber("", "", "")


def may_ask_ccc(question: Question) -> bool:
    """Return whether CCC's pick may stand in: it knows skill groups, and none of our filters.

    Nor does it know which numbers callees of a place never see. A dry run does not ask either: CCC
    would count it. Nor does a start that may yet find the numbers in the cache.
    """
    instance, request = question.instance, question.request
    filtered = request.min_match or request.exclude or request.agent_id or request.tags
    groups = bool(request.skill_group_ids)
    wanted = bool(instance.fallback_seconds) and groups and not filtered and not request.dry_run
    return wanted and instance.keeper.has_read.is_set() and not question.kept_from()


async def ask_ccc(question: Question) -> CccChoice:
    """Ask for CCC's choice, and leave out the numbers that may not be shown.

    No callers where CCC had none, did not answer in time, has no token free now, or answered
    another question.
    """
    choice = CccChoice()
    pairs = await _pairs_for(question)
    if pairs:
        callee = pairs[0].callee
        choice.callee = PlacedNumber("", callee.province, callee.city)
    distinct = {pair.caller.number: pair.caller for pair in pairs}
    for caller in islice(distinct.values(), question.request.count):
        await _weigh(question, caller, choice)
        if choice.callers and question.request.call_id:
            break  # the ledger remembers one under a call: asked again, it could not tell the rest
    return choice


async def _pairs_for(question: Question) -> tuple[NumberPair, ...]:
    instance, request = question.instance, question.request
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
        return ()
    for callee in (pair.callee.number for pair in pairs):
        if not is_same_number(callee, question.callee.number):
            asked, told = mask(question.callee.number), shown(callee)
            message = "%s: CCC's own pick is not believed: asked for %s, it answered for %s"
            _log.warning(message, instance.instance_id, asked, told or "nobody")
            return ()
    return pairs


async def _weigh(question: Question, caller: PickedNumber, choice: CccChoice) -> None:
    if not _may_show(question, caller.number):
        return
    decision = await question.instance.ledger.pick(question.take(caller.number))
    if decision.picked.is_counted:
        choice.callers.append(PlacedNumber(caller.number, caller.province, caller.city))
    else:
        choice.decisions.append(decision)


def _may_show(question: Question, number: str) -> bool:
    """Return whether the inventory, if there is one, lets this number be shown to the callee."""
    inventory = question.instance.keeper.inventory
    if inventory is None:
        return not number.startswith("400")
    own = inventory.numbers.get(number)
    return (
        own is not None
        and own.active
        and own.usage in OUTBOUND_USAGES
        and not own.agent_id
        and not number.startswith("400")
        and not inventory.is_kept_from(number, question.callee.locality)
    )
