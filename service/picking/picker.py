"""A pick from end to end: locate the callee, order the pools, ask the ledger, answer.

A pick waits for the ledger, which bounds itself; up to 20 ms more for a snapshot that has a number
which the ledger knows already; and for CCC only where the inventory has no candidate at all. Those
two wait with a timeout, which takes a task: whoever asks for a pick may have none.
"""

from asyncio import create_task
from collections.abc import Mapping

from msgspec.structs import replace

from service.experiment import arm_name
from service.inventory import (
    Inventory,
    PhoneNumber,
    Step,
    are_candidates,
    levels_down_to,
    near,
    shown_level,
    steps_for,
    with_spare_first,
)
from service.ledger import Decision
from service.locality import Callee, Locator
from service.metrics import Metrics
from service.picking import Pair, PickAnswer, PickRequest, PlacedNumber
from service.picking.explaining import explained
from service.picking.fallback import ask_ccc, may_ask_ccc
from service.picking.instance import Instance, instance_named
from service.picking.question import Question
from service.picking.refusals import (
    NOT_ASKED,
    Situation,
    refused_by_ledger,
    refused_for_want_of_numbers,
)
from service.sync import Localities
from service.tally import Children

STEPS_REMEMBERED = 10_000
_Shown = list[PhoneNumber | None]  # the numbers of an answer, None for one that is not known here
CCC_HAS_NONE = "CCC's own pick was asked too, and gave none that may be shown."


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
        question = self._question(request)
        instance = question.instance
        situation = self._situation(question)
        decision = NOT_ASKED
        if situation.steps or request.call_id:
            decision = await instance.ledger.pick(question.pick(situation.steps))
            if decision.picked.is_repeated:
                decision = await self._without_strangers(question, situation, decision)
            if decision.picked.rejected:
                self._count_rejected(instance, decision)
            if decision.picked.uses:
                shown = _shown(decision, situation.inventory)
                question.count_demand(decision, shown[0])
                if None in shown:
                    # The leader has let it in already and this replica has not heard of it yet.
                    await create_task(instance.keeper.follow())
                    shown = _shown(decision, instance.keeper.inventory)
                return self._answer(question, decision, shown, situation.steps)
            if (error := refused_by_ledger(decision, instance.now())) is not None:
                raise error
        if not situation.steps and situation.closed is None and may_ask_ccc(question):
            return await create_task(self._ask_ccc(question))
        question.count_without_numbers()
        raise refused_for_want_of_numbers(question, situation, decision)

    async def _without_strangers(
        self, question: Question, situation: Situation, decision: Decision
    ) -> Decision:
        """Hold a remembered answer against the snapshot, and pick anew where it does not fit.

        Its numbers may have left since, or moved to other groups; and what Redis holds under a call
        may be anybody's.
        """
        uses = decision.picked.uses
        if self._are_candidates(question, uses):
            return decision
        # Or the leader has let them in already.
        await create_task(question.instance.keeper.follow())
        if self._are_candidates(question, uses):
            return decision
        # Under an id of its own, so that this answer is remembered in its turn.
        names = question.request.call_id, *(number for number, _ in uses)
        call = question.instance.digests.call("|".join(names))
        anew = replace(question.pick(situation.steps), call=call)
        return await question.instance.ledger.pick(anew)

    def _are_candidates(self, question: Question, uses: tuple[tuple[str, str], ...]) -> bool:
        inventory = question.instance.keeper.inventory
        if inventory is None or not uses:
            return True
        steps = self._steps_of(question, inventory)
        return are_candidates(inventory, question.callee.locality, steps, uses)

    def _question(self, request: PickRequest) -> Question:
        instance = instance_named(self._instances, request.instance_id)
        callee = self._locator.locate(request.called_number)
        question = Question(instance, request, callee)
        if prefix := self._locator.unknown_prefix(callee):
            self._localities.note(prefix, callee.number, instance.instance_id)
        return question

    def _situation(self, question: Question) -> Situation:
        inventory = question.instance.keeper.inventory
        closed = question.instance.closed()
        if inventory is None or closed is not None:
            return Situation(inventory, closed, ())
        return Situation(inventory, None, self._steps_of(question, inventory))

    def _steps_of(self, question: Question, inventory: Inventory) -> tuple[Step, ...]:
        steps = self._steps_by(question.instance.levels, question, inventory)
        if question.instance.experiment.running is None or question.join_experiment(steps) != "any":
            return steps
        return self._steps_by(("any",), question, inventory)

    def _steps_by(
        self, levels: tuple[str, ...], question: Question, inventory: Inventory
    ) -> tuple[Step, ...]:
        # The same groups call the same places over and over, under one snapshot for minutes.
        instance, request, locality = question.instance, question.request, question.callee.locality
        others = near(instance.near, locality) if instance.near else ()
        spare = instance.spare(request.skill_group_ids)
        key = (
            instance.instance_id,
            inventory.generation,
            levels,
            request.skill_group_ids,
            request.agent_id,
            request.tags,
            request.min_match,
            locality,
            others,
            spare,
        )
        if (steps := self._steps.get(key)) is None:
            if len(self._steps) >= STEPS_REMEMBERED:
                self._steps.clear()
            levels, wish = levels_down_to(levels, request.min_match), question.wish
            steps = steps_for(inventory, locality, wish, levels, others)
            steps = with_spare_first(steps, inventory, locality, wish, spare)
            self._steps[key] = steps
        return steps

    def _count_rejected(self, instance: Instance, decision: Decision) -> None:
        for reason, count in decision.picked.rejected:
            self._rejected[instance.instance_id, reason].inc(count)

    def _answer(
        self, question: Question, decision: Decision, shown: _Shown, steps: tuple[Step, ...] = ()
    ) -> PickAnswer:
        picked, callee = decision.picked, _placed_callee(question.callee)
        pairs = []
        for (number, mark), own in zip(picked.uses, shown, strict=True):
            place = own or self._locator.place(number)
            caller = PlacedNumber(number, place.province, place.city)
            pairs.append(Pair(caller, callee, shown_level(mark)))
        if not question.request.explain:
            return PickAnswer(decision.source, tuple(pairs), rejected=picked.rejected)
        explanation, arm = explained(question, steps, decision), arm_name(question.arm)
        return PickAnswer(decision.source, tuple(pairs), explanation, picked.rejected, arm)

    async def _ask_ccc(self, question: Question) -> PickAnswer:
        choice = await ask_ccc(question)
        prefix = self._locator.unknown_prefix(question.callee)
        if prefix and choice.callee.province:
            self._localities.teach(prefix, choice.callee.province, choice.callee.city)
        for decision in choice.decisions:
            self._count_rejected(question.instance, decision)
        if choice.callers:
            question.count_without_numbers("ccc")
            uses = ((caller.number, "ccc") for caller in choice.callers)
            question.instance.calls.count_picks(uses)
            callee = _placed_callee(question.callee)
            pairs = tuple(Pair(caller, callee, "ccc") for caller in choice.callers)
            return PickAnswer("ccc", pairs)
        for decision in choice.decisions:
            picked = decision.picked
            if picked.is_repeated and self._are_candidates(question, picked.uses):
                inventory = question.instance.keeper.inventory
                return self._answer(question, decision, _shown(decision, inventory))
            if (error := refused_by_ledger(decision, question.instance.now())) is not None:
                raise error
        situation = self._situation(question)
        if situation.steps:  # an inventory has come while CCC was asked
            return await self.pick(question.request)
        raise refused_for_want_of_numbers(question, situation, NOT_ASKED, CCC_HAS_NONE)


def _shown(decision: Decision, inventory: Inventory | None) -> _Shown:
    numbers = inventory.numbers if inventory is not None else {}
    return [numbers.get(number) for number, _ in decision.picked.uses]


def _placed_callee(callee: Callee) -> PlacedNumber:
    return PlacedNumber(callee.number, callee.locality.province, callee.locality.city)
