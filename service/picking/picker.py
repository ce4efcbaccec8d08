"""A pick from end to end: locate the callee, order the pools, ask the ledger, answer.

The one wait is the ledger's, which bounds itself. Where the inventory has no candidate at all,
`fallback` asks CCC.
"""

import time
from collections.abc import Mapping

import msgspec

from service.errors import (
    CalleeBudgetExceeded,
    CallIdReused,
    InventoryUnavailable,
    NoEligibleNumber,
    OutsideCallingWindow,
)
from service.inventory import Inventory, PhoneNumber, Step, levels_down_to, steps_for
from service.ledger import Decision
from service.locality import Callee, Locator
from service.metrics import Children, Metrics
from service.picking import Candidate, Pair, PickAnswer, PickRequest, PlacedNumber
from service.picking.fallback import ask_ccc, may_ask_ccc
from service.picking.instance import Instance, instance_named
from service.picking.question import Question
from service.sync import Localities

STEPS_REMEMBERED = 10_000


class Picker:
    """Picks for every configured instance.

    Args:
        instances: by id; the mapping may be given others when the configuration is read again.
        locator: knows the callees' places.
        localities: finds out the places that the locator lacks.
        metrics: counts the numbers passed over.
    """

    def __init__(
        self,
        instances: Mapping[str, Instance],
        locator: Locator,
        localities: Localities,
        metrics: Metrics,
    ) -> None:
        self._instances = instances
        self._locator = locator
        self._localities = localities
        self._rejected = Children(metrics.candidates_rejected)
        self._steps: dict[tuple[object, ...], tuple[Step, ...]] = {}

    async def pick(self, request: PickRequest) -> PickAnswer:
        """Choose the numbers to show.

        Raises:
            InvalidField, InvalidCalledNumber: the request cannot be answered as it stands.
            UnknownInstance: no such instance is configured.
            CallIdReused: another request was answered under its `call_id`.
            OutsideCallingWindow: nobody is called at this hour.
            CalleeBudgetExceeded: this callee was called as often as may be.
            NoEligibleNumber: nothing may be shown now.
            InventoryUnavailable: the instance has no inventory yet, and CCC was of no help.
        """
        instance = instance_named(self._instances, request.instance_id)
        callee = self._locator.locate(request.called_number)
        question = Question(instance, request, callee)
        prefix = self._locator.unknown_prefix(callee)
        if prefix:
            self._localities.note(prefix, callee.number, instance.instance_id)
        inventory = instance.keeper.inventory
        opens_at = instance.opens_at()
        steps = self._steps_of(question, inventory) if inventory and not opens_at else ()
        if steps or request.call_id:
            decision = await instance.ledger.pick(question.pick(steps))
            self._refuse(instance, decision)
            if decision.picked.uses:
                return await self._answer(question, decision)
        if opens_at:
            raise OutsideCallingWindow(opens_at)
        if not steps and may_ask_ccc(instance, request):
            return await self._ask_ccc(question, prefix)
        if inventory is None:
            raise _unavailable(instance)
        reasons = inventory.barred(request.skill_group_ids)
        if steps:
            reasons.update(dict(decision.picked.rejected))
        looks = _explained(decision) if steps and request.explain else ()
        raise NoEligibleNumber(reasons, [msgspec.structs.asdict(look) for look in looks])

    def _steps_of(self, question: Question, inventory: Inventory) -> tuple[Step, ...]:
        # The same groups call the same places over and over, under one snapshot for minutes.
        instance, request, locality = question.instance, question.request, question.callee.locality
        key = (
            instance.instance_id,
            inventory.generation,
            instance.levels,
            question.wish,
            request.min_match,
            locality,
        )
        if (steps := self._steps.get(key)) is None:
            if len(self._steps) >= STEPS_REMEMBERED:
                self._steps.clear()
            levels = levels_down_to(instance.levels, request.min_match)
            steps = self._steps[key] = steps_for(inventory, locality, question.wish, levels)
        return steps

    def _refuse(self, instance: Instance, decision: Decision) -> None:
        picked = decision.picked
        for reason, count in picked.rejected:
            self._rejected[instance.instance_id, reason].inc(count)
        if picked.refusal == "reused":
            raise CallIdReused("call_id: another request was answered under it; make a new one")
        if picked.refusal == "budget":
            raise CalleeBudgetExceeded(max(0.0, picked.until / 1000 - time.time()))

    async def _answer(self, question: Question, decision: Decision) -> PickAnswer:
        uses, keeper = decision.picked.uses, question.instance.keeper
        callers = [_known(keeper.inventory, number) for number, _ in uses]
        if None in callers:
            # The leader has let one in already and this replica has not heard of it yet.
            await keeper.follow()
            callers = [_known(keeper.inventory, number) for number, _ in uses]
        callee = _placed_callee(question.callee)
        pairs = []
        for (number, level), caller in zip(uses, callers, strict=True):
            place = caller or self._locator.place(number)
            pairs.append(Pair(PlacedNumber(number, place.province, place.city), callee, level))
        told = _explained(decision) if question.request.explain else None
        return PickAnswer(decision.source, tuple(pairs), told, decision.picked.rejected)

    async def _ask_ccc(self, question: Question, prefix: str) -> PickAnswer:
        told = await ask_ccc(question)
        if prefix and told.callee.province:
            self._localities.teach(prefix, told.callee.province, told.callee.city)
        for decision in told.decisions:
            self._refuse(question.instance, decision)
        if not told.callers:
            inventory = question.instance.keeper.inventory
            if inventory is None:
                raise _unavailable(question.instance)
            if self._steps_of(question, inventory):  # it has come while CCC was asked
                return await self.pick(question.request)
            raise NoEligibleNumber(inventory.barred(question.request.skill_group_ids))
        shown = _placed_callee(question.callee)
        return PickAnswer("ccc", tuple(Pair(caller, shown, "ccc") for caller in told.callers))


def _explained(decision: Decision) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(look.number, look.level, look.turn, look.used_hour, look.used_day, look.reason)
        for look in decision.picked.looks
    )


def _known(inventory: Inventory | None, number: str) -> PhoneNumber | None:
    return inventory.numbers.get(number) if inventory else None


def _placed_callee(callee: Callee) -> PlacedNumber:
    return PlacedNumber(callee.number, callee.locality.province, callee.locality.city)


def _unavailable(instance: Instance) -> InventoryUnavailable:
    return InventoryUnavailable(
        f"No inventory of {instance.instance_id} has been accepted yet; ask again shortly"
    )
