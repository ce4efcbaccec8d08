"""A pick from end to end: locate the callee, order the pools, ask the ledger, answer.

The one wait is the ledger's, which bounds itself. Where the inventory has no candidate at all,
`fallback` asks CCC.
"""

from collections.abc import Mapping

from service.errors import InvalidField, InventoryUnavailable, NoEligibleNumber, UnknownInstance
from service.inventory import Inventory
from service.ledger import Decision, Pick
from service.locality import Callee, Locator
from service.metrics import Metrics
from service.picking.fallback import ask_ccc, may_ask_ccc
from service.picking.instance import Instance, Localities
from service.picking.messages import Pair, PickAnswer, PickRequest, PlacedNumber
from service.selection import Step, levels_down_to, steps_for

STEPS_REMEMBERED = 10_000


class Picker:
    """Picks for every configured instance.

    Args:
        instances: by id.
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
        self._metrics = metrics
        self._steps: dict[tuple[object, ...], tuple[Step, ...]] = {}

    async def pick(self, request: PickRequest) -> PickAnswer:
        """Choose the numbers to show.

        Raises:
            InvalidField, InvalidCalledNumber: the request cannot be answered as it stands.
            UnknownInstance: no such instance is configured.
            NoEligibleNumber: nothing may be shown now.
            InventoryUnavailable: the instance has no inventory yet, and CCC was of no help.
        """
        instance = self._instance_of(request)
        if not request.skill_group_ids and not request.agent_id:
            raise InvalidField("skill_group_ids", "name at least one, or an agent_id")
        callee = self._locator.locate(request.called_number)
        prefix = self._locator.unknown_prefix(callee)
        if prefix:
            self._localities.note(prefix, callee.number, instance.instance_id)
        inventory = instance.keeper.inventory
        steps = self._steps_of(instance, inventory, request, callee) if inventory else ()
        if inventory and steps:
            return await self._decide(instance, inventory, request, callee, steps)
        if may_ask_ccc(instance, request):
            return await self._ask_ccc(instance, request, callee, prefix)
        if inventory is None:
            raise _unavailable(instance)
        raise NoEligibleNumber(inventory.barred(request.skill_group_ids))

    def _instance_of(self, request: PickRequest) -> Instance:
        if request.instance_id:
            try:
                return self._instances[request.instance_id]
            except KeyError:
                raise UnknownInstance(
                    f"instance_id: no instance {request.instance_id!r} is configured here"
                ) from None
        if len(self._instances) > 1:
            raise InvalidField("instance_id", "several instances are configured: name one")
        return next(iter(self._instances.values()))

    def _steps_of(
        self, instance: Instance, inventory: Inventory, request: PickRequest, callee: Callee
    ) -> tuple[Step, ...]:
        # The same groups call the same places over and over, under one snapshot for minutes.
        key = (
            inventory.instance_id,
            inventory.generation,
            request.skill_group_ids,
            request.agent_id,
            request.min_match,
            callee.locality,
        )
        if (steps := self._steps.get(key)) is None:
            if len(self._steps) >= STEPS_REMEMBERED:
                self._steps.clear()
            steps = self._steps[key] = steps_for(
                inventory,
                callee.locality,
                skill_group_ids=request.skill_group_ids,
                agent_id=request.agent_id,
                levels=levels_down_to(instance.levels, request.min_match),
            )
        return steps

    async def _decide(
        self,
        instance: Instance,
        inventory: Inventory,
        request: PickRequest,
        callee: Callee,
        steps: tuple[Step, ...],
    ) -> PickAnswer:
        pools = tuple(step.pools for step in steps)
        pick = Pick(request.dry_run, pools, request.count, request.exclude)
        decision = await instance.ledger.pick(pick)
        for reason, count in decision.picked.rejected:
            self._metrics.candidates_rejected.labels(instance.instance_id, reason).inc(count)
        if not decision.picked.uses:
            barred = inventory.barred(request.skill_group_ids)
            barred.update(dict(decision.picked.rejected))
            raise NoEligibleNumber(barred)
        return await self._answer(instance, callee, steps, decision)

    async def _answer(
        self, instance: Instance, callee: Callee, steps: tuple[Step, ...], decision: Decision
    ) -> PickAnswer:
        shown = _placed_callee(callee)
        pairs = [
            Pair(await self._caller(instance, number), shown, steps[step].level)
            for number, step in decision.picked.uses
        ]
        return PickAnswer(decision.source, tuple(pairs))

    async def _caller(self, instance: Instance, number: str) -> PlacedNumber:
        inventory = instance.keeper.inventory
        if inventory is None or number not in inventory.numbers:
            # The leader has let it in already and this replica has not heard of it yet.
            await instance.keeper.follow()
            inventory = instance.keeper.inventory
        if inventory and (known := inventory.numbers.get(number)):
            return PlacedNumber(number, known.province, known.city)
        place = self._locator.place(number)
        return PlacedNumber(number, place.province, place.city)

    async def _ask_ccc(
        self, instance: Instance, request: PickRequest, callee: Callee, prefix: str
    ) -> PickAnswer:
        callers, told = await ask_ccc(instance, request, callee.number)
        if prefix and told.province:
            self._localities.teach(prefix, told.province, told.city)
        if not callers:
            if instance.keeper.inventory is None:
                raise _unavailable(instance)
            raise NoEligibleNumber(instance.keeper.inventory.barred(request.skill_group_ids))
        shown = _placed_callee(callee)
        return PickAnswer("ccc", tuple(Pair(caller, shown, "ccc") for caller in callers))


def _placed_callee(callee: Callee) -> PlacedNumber:
    return PlacedNumber(callee.number, callee.locality.province, callee.locality.city)


def _unavailable(instance: Instance) -> InventoryUnavailable:
    return InventoryUnavailable(
        f"No inventory of {instance.instance_id} has been accepted yet; ask again shortly"
    )
