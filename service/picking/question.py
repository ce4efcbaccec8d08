"""One pick as the ledger is asked it: digests for the callee, the call and the groups."""

from service.coverage.demand import REFUSED, group_of
from service.errors import InvalidField
from service.experiment import arm_name, arm_of
from service.inventory import PhoneNumber, Step, Wish, kept_from, shown_level
from service.ledger import Decision, Pick, Take
from service.locality import Callee
from service.picking import PickRequest
from service.picking.instance import Instance


class Question:
    """A request, its instance and its callee, and what follows from them.

    Raises:
        InvalidField: neither groups nor an agent are named.
    """

    __slots__ = ("_body", "_call", "_digest", "_groups", "arm", "callee", "instance", "request")

    def __init__(self, instance: Instance, request: PickRequest, callee: Callee) -> None:
        if not request.skill_group_ids and not request.agent_id:
            raise InvalidField("skill_group_ids", "name at least one, or an agent_id")
        self.instance = instance
        self.request = request
        self.callee = callee
        self.arm = ""
        digests = instance.digests
        self._digest = self._groups = self._call = self._body = ""
        if instance.knows_callees or instance.ledger.has_stops:
            self._digest = digests.callee(callee.number)
            self._groups = digests.groups(request.skill_group_ids, request.agent_id)
        if request.call_id:
            self._call = digests.call(request.call_id)
            self._body = digests.body(
                callee.number,
                request.skill_group_ids,
                request.agent_id,
                request.count,
                request.min_match,
                request.tags,
                request.exclude,
            )

    @property
    def wish(self) -> Wish:
        """The owners and tags that are asked for."""
        request = self.request
        return Wish(request.skill_group_ids, request.agent_id, request.tags)

    def pick(self, steps: tuple[Step, ...]) -> Pick:
        """Return the pick over these steps; without any, only a repeated `call_id` is answered."""
        request = self.request
        return Pick(
            request.dry_run,
            steps,
            request.count,
            request.exclude,
            self._digest,
            self._groups,
            self._call,
            self._body,
            request.explain,
            self.callee.locality.province,
            self.arm,
        )

    def kept_from(self) -> tuple[tuple[str, ...], ...]:
        """Return by pools the numbers wanted that callees of this one's place never see."""
        inventory = self.instance.keeper.inventory
        return kept_from(inventory, self.callee.locality, self.wish) if inventory else ()

    def join_experiment(self, steps: tuple[Step, ...]) -> str:
        """Put the callee into its arm, if an experiment runs and it could be shown a local number.

        Args:
            steps: those by all levels, from which both arms are judged alike.

        Returns:
            The name of the arm, "" for none.
        """
        running, request = self.instance.experiment.running, self.request
        is_bound = request.agent_id or request.min_match
        if running and steps and not is_bound and steps[0].level not in ("near", "any"):
            digest = self.instance.digests.experiment(running.name, self.callee.number)
            self.arm = arm_of(running.name, digest, running.holdout)
        return arm_name(self.arm)

    def take(self, number: str) -> Take:
        """The pick of the one number that CCC chose."""
        return Take(
            dry_run=False,
            number=number,
            callee=self._digest,
            groups=self._groups,
            call=self._call,
            body=self._body,
        )

    def count_demand(self, decision: Decision, own: PhoneNumber | None) -> None:
        """Count the call of an answered pick, and its numbers, `own` the first of them, once."""
        if self.request.dry_run or decision.picked.is_repeated:
            return
        self.instance.calls.count_picks(decision.picked.uses)
        groups = self.request.skill_group_ids
        if own is not None and own.agent_id:
            groups = ()  # the agent's own number: no group's supply
        held = own.skill_group_ids if own is not None else ()
        group = groups[0] if len(groups) == 1 else group_of(groups, held)
        level = shown_level(decision.picked.uses[0][1])
        self.instance.demand.count(group, self.callee.locality, level)

    def count_without_numbers(self, level: str = REFUSED) -> None:
        """Count the call of a pick for which no number of ours was chosen here."""
        if not self.request.dry_run:
            inventory, groups = self.instance.keeper.inventory, self.request.skill_group_ids
            known = [group for group in groups if inventory and group in inventory.groups]
            self.instance.demand.count(group_of(known, ()), self.callee.locality, level)
