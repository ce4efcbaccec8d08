"""The error that a pick without a number ends with. Pure: what was decided comes in."""

from collections.abc import Iterator

import msgspec

from service.errors import (
    CalleeBudgetExceeded,
    CallerIdError,
    CallIdReused,
    InventoryUnavailable,
    NoEligibleNumber,
    OutsideCallingWindow,
)
from service.inventory import Inventory, Step
from service.ledger import Decision, Picked
from service.picking import PickAnswer, PickRequest
from service.picking.explaining import REGION, explained
from service.picking.question import Question

NOT_ASKED = Decision("", Picked())  # of the ledger, where no pool holds a number for this pick


class Situation(msgspec.Struct, frozen=True):
    """The snapshot that a pick meets, and the steps through its pools.

    `closed` is the error of a pick outside the calling window, None while that is open.
    """

    inventory: Inventory | None
    closed: OutsideCallingWindow | None
    steps: tuple[Step, ...]


def refused_by_ledger(decision: Decision, now: int) -> CallerIdError | None:
    """Return the error of a pick that the ledger refused as a whole, if it did.

    Args:
        decision: the ledger's.
        now: the ledger's time in ms.
    """
    picked = decision.picked
    if picked.refusal == "reused":
        return CallIdReused("call_id: another request was answered under it; make a new one")
    if picked.refusal == "budget":
        return CalleeBudgetExceeded(max(0.0, (picked.until - now) / 1000))
    return None


def refused_for_want_of_numbers(
    question: Question, situation: Situation, decision: Decision, *hints: str
) -> CallerIdError:
    """Return the error of a pick for which no number could be shown, with the reasons counted."""
    if situation.closed is not None:
        return situation.closed
    if situation.inventory is None:
        instance = question.instance
        return InventoryUnavailable.of(instance.instance_id, instance.keeper.last_sweep.detail)
    request, inventory = question.request, situation.inventory
    reasons = inventory.barred(request.skill_group_ids)
    reasons.update(dict(decision.picked.rejected))
    if kept := question.kept_from():
        reasons[REGION] += sum(map(len, kept))
    hints = *_missing(request, inventory, is_filtered=not (situation.steps or reasons)), *hints
    looked = explained(question, situation.steps, decision) if request.explain else ()
    return NoEligibleNumber(reasons, looked, hints)


def _missing(request: PickRequest, inventory: Inventory, *, is_filtered: bool) -> Iterator[str]:
    """Say what of a request is the reason that it has no candidates."""
    unknown = [group for group in request.skill_group_ids if not inventory.knows_group(group)]
    if unknown:
        named = ", ".join(map(repr, unknown[:3]))
        yield f"CCC lists no number of skill group {named}: check the id, or bind numbers to it."
    elif is_filtered and request.skill_group_ids:
        yield "Its skill groups have numbers: check tags, min_match and selection.levels."
    if is_filtered and request.agent_id:
        yield f"No number that fits belongs to agent {request.agent_id!r}."


def answer_without_numbers(error: Exception) -> PickAnswer:
    """Return the part of an answer that a refused pick has: the reasons, and the candidates."""
    if not isinstance(error, NoEligibleNumber):
        return PickAnswer("", ())
    return PickAnswer("", (), error.explanation, tuple(sorted(error.reasons.items())))
