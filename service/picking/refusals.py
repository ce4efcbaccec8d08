"""The error that a pick without a number ends with. Pure: what was decided comes in."""

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
from service.picking import Candidate, PickAnswer
from service.picking.question import Question

NOT_ASKED = Decision("", Picked())  # of the ledger, where no pool holds a number for this pick


class Situation(msgspec.Struct, frozen=True):
    """The snapshot that a pick meets, and the steps through its pools.

    `opens_at` says when the calling window opens, "" while it is open.
    """

    inventory: Inventory | None
    opens_at: str
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
    question: Question, situation: Situation, decision: Decision
) -> CallerIdError:
    """Return the error of a pick for which no number could be shown, with the reasons counted."""
    if situation.opens_at:
        return OutsideCallingWindow(situation.opens_at)
    if situation.inventory is None:
        instance = question.instance
        return InventoryUnavailable.of(instance.instance_id, instance.keeper.last_sweep.detail)
    reasons = situation.inventory.barred(question.request.skill_group_ids)
    if not situation.steps:
        return NoEligibleNumber(reasons)
    reasons.update(dict(decision.picked.rejected))
    return NoEligibleNumber(reasons, explained(decision) if question.request.explain else ())


def answer_without_numbers(error: Exception) -> PickAnswer:
    """Return the part of an answer that a refused pick has: the reasons, and the candidates."""
    if not isinstance(error, NoEligibleNumber):
        return PickAnswer("", ())
    return PickAnswer("", (), error.explanation, tuple(sorted(error.reasons.items())))


def explained(decision: Decision) -> tuple[Candidate, ...]:
    """Return the candidates that were looked at, in their order, each with its reason."""
    return tuple(
        Candidate(look.number, look.level, look.turn, look.used_hour, look.used_day, look.reason)
        for look in decision.picked.looks
    )
