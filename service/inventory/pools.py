"""The pools that a number stands in: one a level for each of its skill groups, or its agent's.

A pool is named by its owner, its level and its place, so that every replica finds the same name
without asking another.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from itertools import combinations, pairwise

import msgspec

from service.inventory.numbers import PhoneNumber
from service.locality import Locality

MOST_TAGS = 5
LEVELS = ("city", "area_code", "province", "any")


class Home(msgspec.Struct, frozen=True, gc=False):
    """The pools that the numbers of the same owners and the same place share.

    `limits` names the limits that hold for them, "" for those of most numbers.
    """

    home_id: str
    pools: tuple[str, ...]
    limits: str = ""


def place_at(level: str, province: str, city: str, area_code: str) -> str:
    """Return the name of a place at one level, or "" where it has none.

    A city is named together with its area code: the code joins what the sources spell apart, and
    keeps two cities of one name apart. A number without a code is at home in the city of its names.
    """
    if level == "city":
        apart = area_code or province
        return f"{apart}{city}" if apart and city else ""
    if level == "area_code":
        return area_code
    return province if level == "province" else "*"


def names_of(place: Locality) -> tuple[str, ...]:
    """Return the names of a place, as they stand in `avoid`; its city's with and without a code."""
    codes = place.area_code, ""
    cities = (place_at("city", place.province, place.city, code) for code in codes)
    return tuple(filter(None, (place.province, *cities)))


def avoiding(place: str, avoid: Iterable[str]) -> str:
    """The place, in the name of a pool, of numbers that callees of other places never see.

    Not the owner, which a request names: whoever adds to that reaches no such pool.
    """
    names = ",".join(sorted(avoid))
    return f"{place}~{names}" if names else place


def tagged(owner: str, tags: Iterable[str]) -> str:
    """The owner of the sub-pools whose numbers all bear these tags."""
    return "#".join((owner, *sorted(set(tags))))


def owners_of(number: PhoneNumber) -> list[str]:
    """Return the owners of a candidate's pools: its agent or its groups, whole and by its tags.

    Each set of its tags makes a sub-pool, so any filter is a pool of its own and no walk. A number
    has one tag as a rule; of more than `MOST_TAGS` the first in order are indexed.
    """
    agent = number.agent_id
    whole = [agent_owner(agent)] if agent else sorted(set(number.skill_group_ids))
    tags = sorted(set(number.tags))[:MOST_TAGS]
    sets = [some for size in range(len(tags) + 1) for some in combinations(tags, size)]
    return [tagged(owner, some) for some in sets for owner in whole]


def pool_name(owner: str, level: str, place: str) -> str:
    """The name of a pool: `owner` is a skill group, or `agent:` and the agent's id.

    It is one line, as a home has its pools' names.
    """
    return f"{owner}|{level}|{place}".replace("\n", " ")


def agent_owner(agent_id: str) -> str:
    """The owner of the pools of an agent's own numbers: one for each set of tags."""
    return f"agent:{agent_id}"


def paths_of(number: PhoneNumber, avoid: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The pools of a candidate, a path for each owner, the narrowest pool first.

    A number that callees of some places never see is in pools of its own, which no step of theirs
    has.

    Args:
        number: the candidate.
        avoid: the names of the places that it is kept from.
    """
    owners = owners_of(number)
    if number.agent_id:
        return tuple((pool_name(owner, "agent", avoiding("*", avoid)),) for owner in owners)
    places = [
        (level, avoiding(place, avoid))
        for level in LEVELS
        if (place := place_at(level, number.province, number.city, number.area_code))
    ]
    return tuple(
        tuple(pool_name(owner, level, place) for level, place in places) for owner in owners
    )


def add_aliases(
    aliases: dict[str, str], paths: Iterable[tuple[str, ...]], members: Mapping[str, list[int]]
) -> None:
    """Name the pools of paths that hold exactly what a narrower one holds: such a pair is one.

    The widest pool of a path always stands for itself: a replica that still has the snapshot of
    a minute ago must find it, whatever has become of the places.
    """
    for path in paths:
        for narrow, wide in pairwise(path[:-1]):
            if members[narrow] == members[wide]:
                aliases[wide] = aliases.get(narrow, narrow)


def home_of(pools: tuple[str, ...], limits: str) -> Home:
    """The home of these pools under these limits, its id the same on every replica."""
    text = "\n".join((limits, *pools))
    return Home(blake2b(text.encode(), digest_size=6).hexdigest(), pools, limits)
