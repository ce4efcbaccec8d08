"""The configured instances as picks see them, and what an operator may change while they run."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Literal

from service.building import InstanceParts, Work, digests_of, now_in
from service.inventory import Inventory, Mark, Moves
from service.ledger import FailoverLedger, Rules
from service.locality import Locator
from service.picking.instance import Digests, Instance
from service.policy import near_of, outside_window, rules_for, terms_reader, unused_overrides
from service.settings import InstanceSettings, Selection, Settings
from service.sync import InventoryKeeper

RULES_SECONDS = 3600.0  # how often the offsets from UTC around now are looked up again

_log = logging.getLogger(__name__)


class Instances(dict[str, Instance]):
    """The picking state of each instance, keyed by id; `parts` has what runs for it.

    Args:
        settings: the configuration.
        parts: of each configured instance.
        locator: knows the places that the configuration names.

    Raises:
        SettingsError: it names a place that is none.
    """

    def __init__(
        self, settings: Settings, parts: Sequence[InstanceParts], locator: Locator
    ) -> None:
        super().__init__()
        self._locator = locator
        self.parts = {built.settings.id: built for built in parts}
        self._limits: dict[str, frozenset[str]] = {}
        self._unused: tuple[str, ...] = ()
        self.apply(settings)
        for built in parts:
            built.keeper.subscribe(partial(self._follow_limits, built))
            built.keeper.subscribe(self._warn_of_unused)

    @property
    def keepers(self) -> Mapping[str, InventoryKeeper]:
        """The keeper of each instance's inventory."""
        return {instance_id: built.keeper for instance_id, built in self.parts.items()}

    @property
    def redis_state(self) -> Literal["up", "down", "embedded"]:
        """The state of Redis: `down` where it does not serve any of the ledgers."""
        if not self._shared():
            return "embedded"
        return "down" if self.redis_trouble else "up"

    @property
    def redis_trouble(self) -> dict[str, str]:
        """Redis's words for why it does not serve, by instance; none while it does."""
        return {name: ledger.trouble for name, ledger in self._shared().items() if ledger.trouble}

    def _shared(self) -> dict[str, FailoverLedger]:
        ledgers = ((name, built.ledger) for name, built in self.parts.items())
        return {name: ledger for name, ledger in ledgers if isinstance(ledger, FailoverLedger)}

    def work(self) -> dict[str, Work]:
        """Map the names of all tasks that must run beside the picks to the tasks."""
        work: dict[str, Work] = {"rules": self._renew_rules}
        for built in self.parts.values():
            work |= built.work()
        return work

    def unused_overrides(self) -> tuple[str, ...]:
        """Name the entries of `[[numbers]]` by which no number of any instance goes.

        None as long as an instance has no inventory, or one by the overrides of before a reload:
        they may be about its numbers.
        """
        inventories = [keeper.inventory for keeper in self.keepers.values()]
        names = [
            inventory.all_limits
            for inventory in inventories
            if inventory is not None and inventory.terms_of is self._terms_of
        ]
        if len(names) < len(inventories):
            return ()
        return unused_overrides(self._settings.numbers, chain.from_iterable(names))

    def apply(self, settings: Settings) -> None:
        """Go by these rules from now; instances come and go only at a start.

        Args:
            settings: the configuration, perhaps read again.

        Raises:
            SettingsError: it names a place that is none; nothing has changed.
        """
        self._near = near_of(settings, self._locator)
        self._settings = settings
        self._terms_of = terms_reader(settings.numbers, self._locator)
        for instance in settings.instances:
            if (built := self.parts.get(instance.id)) is not None:
                built.keeper.set_terms(self._terms_of)
                self[instance.id] = self._picked_for(built)

    async def review(self) -> None:
        """Look again at what limits keep out."""
        for instance in self.values():
            await instance.ledger.review()

    def note_outcome(
        self, instance_id: str, number: str, result: str, mark: Mark, talk_ms: int
    ) -> None:
        """Feed the reports, a number's health and the experiment with a call that ended."""
        built = self.parts[instance_id]
        built.calls.count_end(number, result, mark, talk_ms)
        built.experiment.note(mark, result)
        built.health.note(number, result, mark)

    async def health_shown(self, instance_id: str, numbers: Sequence[str]) -> Mapping[str, str]:
        """Explain the health of each of these numbers that has ever left full health."""
        return await self.parts[instance_id].health.shown(numbers)

    async def lift_quarantine(self, instance_id: str, numbers: Sequence[str]) -> set[str]:
        """End the quarantine of these numbers of an instance; returns those that were in it."""
        return await self.parts[instance_id].health.lift(numbers)

    def _picked_for(self, built: InstanceParts) -> Instance:
        instance = self._configured(built)
        selection = self._settings.selection_for(instance)
        rules = self._rules_for(built)
        built.ledger.rule(rules)
        asks, window = selection.fallback == "ccc", selection.calling_window
        built.spare.show(selection.spare_first)
        built.health.turn(on=self._settings.health.enabled)
        built.demand.now = built.experiment.now = built.calls.now = now_in(selection)
        built.calls.days = self._settings.reports.days
        digests = digests_of(self._settings, instance.id)
        self._run_experiment(built, selection, digests)
        return Instance(
            instance_id=instance.id,
            keeper=built.keeper,
            ledger=built.ledger,
            ccc=built.ccc,
            levels=selection.levels,
            fallback_seconds=selection.fallback_timeout_ms / 1000 if asks else 0.0,
            digests=digests,
            rules=rules,
            knows_callees=rules.horizon > 0,
            closed=lambda: outside_window(selection, time.time()) if window else None,
            now=built.now,
            demand=built.demand,
            experiment=built.experiment,
            notes=built.notes,
            calls=built.calls,
            near=self._near[instance.id],
            spare=built.spare.of,
        )

    def _run_experiment(self, built: InstanceParts, selection: Selection, digests: Digests) -> None:
        """Have the experiment go by the settings, with what else decides who is shown what."""
        experiment = self._settings.experiment
        conditions = {
            "levels": selection.levels,
            "near": selection.near,
            "health": self._settings.health.enabled,
            "callees": digests.experiment(experiment.name, "")[:8],
        }
        built.experiment.go_by(experiment, conditions)

    def _configured(self, built: InstanceParts) -> InstanceSettings:
        """Return the instance's settings as they were last read."""
        configured = {instance.id: instance for instance in self._settings.instances}
        return configured.get(built.settings.id, built.settings)

    async def _renew_rules(self) -> None:
        """Go by rules with new offsets from UTC, before a time zone changes to them."""
        while True:
            await asyncio.sleep(RULES_SECONDS)
            for instance_id, built in self.parts.items():
                self[instance_id] = self._picked_for(built)

    def _rules_for(self, built: InstanceParts) -> Rules:
        inventory = built.keeper.inventory
        return rules_for(
            self._settings,
            self._settings.selection_for(self._configured(built)),
            time.time(),
            inventory.limits if inventory is not None else (),
        )

    def _follow_limits(self, built: InstanceParts, inventory: Inventory, _: Moves) -> None:
        """Go by rules that fit the limits of the numbers: some may be the first to need leases."""
        instance_id = built.settings.id
        if inventory.limits != self._limits.get(instance_id):
            self._limits[instance_id] = inventory.limits
            self[instance_id] = self._picked_for(built)

    def _warn_of_unused(self, *_: object) -> None:
        """Tell of entries of `[[numbers]]` that are of no use, once for the same ones."""
        unused = self.unused_overrides()
        if unused and unused != self._unused:
            self._unused = unused
            _log.warning("No number goes by these entries of [[numbers]]: %s", ", ".join(unused))
