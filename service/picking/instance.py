"""One configured instance, as a pick sees it, and how a request names it or a number of its.

Callees, calls and groups stand in a ledger's keys as keyed digests, never as the number.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import TypeVar

import msgspec

from service.ccc.client import CccClient
from service.coverage.demand import Demand
from service.errors import (
    InvalidField,
    InventoryUnavailable,
    OutsideCallingWindow,
    UnknownInstance,
)
from service.experiment import Experiment
from service.inventory import NO_PLACES, Inventory, Near, Node
from service.ledger import Ledger, Rules
from service.locality import restore_number
from service.locality.refusal import why_refused
from service.picking.notes import Notes
from service.reports.calls import CallCounter
from service.sync import InventoryKeeper

DIGEST_BYTES = 12
SETS_REMEMBERED = 4096  # of groups with an agent, and of all that decides beside the callee

T = TypeVar("T")


class Digests:
    """Makes the digests of one instance.

    Args:
        key: secret, the same on every replica, at most 64 bytes.
        instance_id: keeps calls and groups of instances apart that share a scope.
    """

    def __init__(self, key: bytes, instance_id: str) -> None:
        self._empty = blake2b(digest_size=DIGEST_BYTES, key=key)
        self._instance_id = instance_id
        # The same groups call all day.
        self.groups = lru_cache(SETS_REMEMBERED)(self._groups)

    def callee(self, number: str) -> str:
        """A called number in its canonical form, the same for all instances of a scope."""
        return self._of(number)

    def experiment(self, name: str, number: str) -> str:
        """A called number within an experiment, the same for all instances."""
        return self._of(f"exp|{name}|{number}")

    def call(self, call_id: str) -> str:
        """A client's idempotency key."""
        return self._of(f"call|{self._instance_id}|{call_id}")

    def park(self, number: str, reason: str) -> str:
        """A number of ours that is parked for a reason."""
        return self._of(f"park|{self._instance_id}|{reason}|{number}")

    def body(self, callee: str, *deciding: str | int | tuple[str, ...]) -> str:
        """The fields of a request that decide: its callee, and those that hardly ever differ."""
        return self._of(f"({callee!r}, {_normalised(*deciding)}")

    def _groups(self, skill_group_ids: tuple[str, ...], agent_id: str) -> str:
        """A set of groups and an agent, whatever the order."""
        return self._of("|".join(("groups", self._instance_id, agent_id, *sorted(skill_group_ids))))

    def _of(self, text: str) -> str:
        digest = self._empty.copy()
        digest.update(text.encode())
        return digest.hexdigest()


@lru_cache(SETS_REMEMBERED)
def _normalised(*deciding: str | int | tuple[str, ...]) -> str:
    """Return the fields as they stand in a digest, lists sorted."""
    fields = [sorted(set(one)) if isinstance(one, tuple) else one for one in deciding]
    return repr(tuple(fields))[1:]


class Instance(msgspec.Struct, frozen=True):
    """The state that picking for one instance takes.

    `fallback_seconds` is what asking CCC may take, 0 where that is not wanted. `closed` gives the
    error of a pick outside the calling window, None while that is open. `rules` are those of the
    ledger, `knows_callees` says that one needs them. `now` is the ledger's time in ms since 1970:
    what is kept out until an instant is so by it. `demand` and `calls` count the calls, for plans
    and for reports, `experiment` holds out some callees, `near` has the places to go to before
    anywhere, `notes` the words to parks, `spare` gives some groups' cities with numbers to spare.
    """

    instance_id: str
    keeper: InventoryKeeper
    ledger: Ledger
    ccc: CccClient
    levels: tuple[str, ...]
    fallback_seconds: float
    digests: Digests
    rules: Rules
    knows_callees: bool
    closed: Callable[[], OutsideCallingWindow | None]
    now: Callable[[], int]
    demand: Demand
    experiment: Experiment
    notes: Notes
    calls: CallCounter
    near: Near = NO_PLACES
    spare: Callable[[tuple[str, ...]], tuple[tuple[str, Node], ...]] = lambda _: ()


def instance_named(instances: Mapping[str, T], instance_id: str) -> T:
    """The instance of this id; of the one that is configured, the id may be left out.

    Raises:
        UnknownInstance: no such instance is configured.
        InvalidField: none is named, and there are several.
    """
    if instance_id:
        try:
            return instances[instance_id]
        except KeyError:
            raise UnknownInstance(
                f"instance_id: no instance {instance_id!r} is configured here"
            ) from None
    try:
        (instance,) = instances.values()
    except ValueError:
        raise InvalidField("instance_id", "several instances are configured: name one") from None
    return instance


def inventory_of(instance_id: str, keeper: InventoryKeeper) -> Inventory:
    """The inventory that an instance's keeper has now.

    Raises:
        InventoryUnavailable: the first is still to come.
    """
    if keeper.inventory is None:
        raise InventoryUnavailable.of(instance_id, keeper.last_sweep.detail)
    return keeper.inventory


def own_number(field: str, given: str, read: Callable[[str], str] = restore_number) -> str:
    """The form in which one of our own numbers is a key, from a field of a request.

    Raises:
        InvalidField: it is no number to `read`; the reason does not repeat it.
    """
    try:
        return read(given)
    except ValueError:
        raise InvalidField(field, why_refused(given)) from None
