"""Park numbers, take them back, and give them caps and regions of their own, in the local ledger.

The twin of what `lua/7_operations.lua` does for these operations. Instants are in ms.
"""

from collections.abc import Iterable, Mapping

from service.ledger.local.members import Members
from service.ledger.port import Avoid, Cap
from service.ledger.rules import Rules


def park(members: Members, number: str, parks: Mapping[str, int]) -> bool:
    """Park a number for these reasons too, each until an instant; False for no member."""
    if number not in members:
        return False
    members.park(number, {**members.parks(number), **parks})
    return True


def unpark(members: Members, number: str, reason: str) -> bool:
    """End one reason; False where the number was not parked for it."""
    if number not in members:
        return False
    parks = dict(members.parks(number))
    if parks.pop(reason, None) is None:
        return False
    members.park(number, parks)
    return True


def take_back(members: Members, due: Iterable[str]) -> dict[str, dict[str, int]]:
    """Take numbers back whose time has come; returns what each was parked for."""
    parks = {number: members.parks(number) for number in due}
    for number in due:
        members.park(number, {})
    return parks


def review(members: Members, numbers: Iterable[str], rules: Rules, now: int) -> bool:
    """Look again at numbers: under raised limits some of them may come back."""
    for number in numbers:
        members.review(number, rules, now)
    return True


def avoid(members: Members, avoided: Avoid, now: int) -> bool:
    """Keep a number from a region; False for one that is no member."""
    if avoided.number not in members:
        return False
    caller = members.caller(avoided.number)
    kept = {region: ends for region, ends in caller.avoid.items() if ends > now}
    caller.avoid = kept | {avoided.region: avoided.until}
    return True


def cap(members: Members, capped: Cap, rules: Rules, now: int) -> bool:
    """Give a number a daily cap of its own; False for one that is no member."""
    if capped.number not in members:
        return False
    members.caller(capped.number).cap = capped.per_day
    members.review(capped.number, rules, now)
    return True
