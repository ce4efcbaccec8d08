"""One look at a record: what becomes of it, from what is stored and what the inventory says.

No I/O. Here `rules` meets bytes, numbers that have left, and records that the ledger was not told
of yet.
"""

from collections.abc import Mapping

import msgspec

from service.health.rules import HEALTHY, QUARANTINED, HealthRecord, Pools, Transition, aged, judge
from service.health.store import decode, encode
from service.inventory import Inventory


class LookResult(msgspec.Struct, frozen=True):
    """The result of a look.

    `after` is what the record becomes, b"" where nothing of it is worth keeping. `held` where the
    number would be quarantined, if not too many of its pool were already.
    """

    number: str
    before: bytes
    after: bytes
    record: HealthRecord = HealthRecord()
    transition: Transition | None = None
    held: bool = False


def pool(pools: Pools, some: Mapping[str, bytes], inventory: Inventory) -> None:
    """Count records in with the pools of their numbers."""
    for number, stored in some.items():
        record = decode(stored)
        if record is not None and inventory.home(number) is not None:
            pools.add(record, inventory.numbers[number].skill_group_ids)


def look_at(number: str, stored: bytes, inventory: Inventory, pools: Pools, now: int) -> LookResult:
    """Judge one record.

    Args:
        number: whose it is; one that is no candidate any more is forgotten, as the ledger does.
        stored: the record as it was read.
        inventory: the snapshot.
        pools: the records of all numbers; learns who is quarantined.
        now: the instant in ms since 1970.
    """
    record = decode(stored)
    if record is None or inventory.home(number) is None:
        return LookResult(number, stored, b"")
    if record.untold:
        return LookResult(number, stored, stored, record)
    groups = inventory.numbers[number].skill_group_ids
    hours = pools.of(groups)
    before = aged(record, hours, now)
    after, transition = judge(before, hours, now)
    is_taken_out = transition is not None and after.state == QUARANTINED
    is_held = is_taken_out and not pools.spare(groups)
    if is_held:
        after, transition = before, None
    if after.state == HEALTHY and not (after.tallies or after.settled_hour or after.untold):
        return LookResult(number, stored, b"")
    changed = stored if after == record else encode(after)
    return LookResult(number, stored, changed, after, transition, is_held)
