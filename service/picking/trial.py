"""A pick tried for a person: where the callee is, what there is at each level, and why who is next.

It is decided by the picker itself, as a dry run: nothing is recorded and CCC is not asked.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import chain

import msgspec

from service.errors import (
    CalleeBudgetExceeded,
    CallerIdError,
    InventoryUnavailable,
    NoEligibleNumber,
    OutsideCallingWindow,
)
from service.inventory import Wish, levels_down_to, near, place_at, steps_for
from service.locality import Callee, Locator
from service.logs import mask
from service.picking import Candidate, PickRequest, PlacedNumber
from service.picking.explaining import LOOKED_AT
from service.picking.fallback import may_ask_ccc
from service.picking.instance import Instance, instance_named
from service.picking.picker import Picker
from service.picking.question import Question
from service.picking.refusals import answer_without_numbers

REFUSALS = (NoEligibleNumber, CalleeBudgetExceeded, OutsideCallingWindow, InventoryUnavailable)


class Level(msgspec.Struct, frozen=True):
    """A level of the pick: its place, "" where the callee has none there, and its pools' sizes.

    No pools where it has no numbers that the level before it lacks. `parked` counts those that are
    out, by reason, among the first `counted` of them.
    """

    level: str
    place: str
    pools: Mapping[str, int]
    parked: Mapping[str, int]
    counted: int


class CalledPlace(msgspec.Struct, frozen=True):
    """The callee, masked, and where it is."""

    number: str
    kind: str
    country: str
    province: str
    city: str
    area_code: str


class TrialNumber(msgspec.Struct, frozen=True):
    """One number that would be shown."""

    caller: PlacedNumber
    match: str


class Trial(msgspec.Struct, frozen=True):
    """The answer that a pick would have had; `code` and `detail` say why there was none.

    `levels` are those that the request allows, in order. `asks_ccc` where a pick in earnest would
    ask CCC for its own. `reasons` counts the numbers passed over, `explanation` names the first.
    `arm` is the callee's in an experiment, "" for none.
    """

    instance_id: str
    callee: CalledPlace
    levels: tuple[Level, ...]
    source: str
    data: tuple[TrialNumber, ...]
    code: str
    detail: str
    asks_ccc: bool
    reasons: Mapping[str, int]
    explanation: tuple[Candidate, ...]
    arm: str = ""


class Trials:
    """Tries picks for every configured instance.

    Args:
        instances: by id.
        locator: knows the callees' places.
        picker: decides.
    """

    def __init__(self, instances: Mapping[str, Instance], locator: Locator, picker: Picker) -> None:
        self._instances = instances
        self._locator = locator
        self._picker = picker

    async def run(self, request: PickRequest) -> Trial:
        """Try a pick; what it asks to record is not recorded.

        Raises:
            InvalidField, InvalidCalledNumber, UnknownInstance: there is nothing to try.
        """
        tried = msgspec.structs.replace(request, dry_run=True, explain=True, call_id="")
        instance = instance_named(self._instances, tried.instance_id)
        callee = self._locator.locate(tried.called_number)
        levels = _levels(instance, callee, tried, instance.levels)
        error: CallerIdError | None = None
        try:
            answer = await self._picker.pick(tried)
        except REFUSALS as refusal:
            answer, error = answer_without_numbers(refusal), refusal
        if answer.arm == "any":
            levels = _levels(instance, callee, tried, ("any",))
        has_candidates = any(level.pools for level in levels)
        in_earnest = msgspec.structs.replace(tried, dry_run=False)
        return Trial(
            instance_id=instance.instance_id,
            callee=_placed(callee),
            levels=levels,
            source=answer.source,
            data=tuple(TrialNumber(pair.caller, pair.match) for pair in answer.data),
            code=error.code if error else "",
            detail=error.detail if error else "",
            asks_ccc=not has_candidates and may_ask_ccc(Question(instance, in_earnest, callee)),
            reasons=dict(answer.rejected),
            explanation=answer.explanation or (),
            arm=answer.arm,
        )


def _levels(
    instance: Instance, callee: Callee, request: PickRequest, levels: tuple[str, ...]
) -> tuple[Level, ...]:
    wish = Wish(request.skill_group_ids, request.agent_id, request.tags)
    levels = levels_down_to(levels, request.min_match)
    inventory, place = instance.keeper.inventory, callee.locality
    others = near(instance.near, place)
    steps = () if inventory is None else steps_for(inventory, place, wish, levels, others)
    places = {
        level: place_at(level, place.province, place.city, place.area_code) for level in levels
    }
    if "near" in places:
        places["near"] = " ".join(name for _, name in others)
    if any(step.level == "agent" for step in steps):
        places = {"agent": request.agent_id, **places}
    pools: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for step in steps:
        pools[step.level] += step.pools
    return tuple(_level(instance, level, named, pools[level]) for level, named in places.items())


def _level(instance: Instance, level: str, place: str, pools: tuple[str, ...]) -> Level:
    inventory = instance.keeper.inventory
    members = {} if inventory is None else {pool: inventory.members.get(pool, ()) for pool in pools}
    some = list(dict.fromkeys(chain.from_iterable(each[:LOOKED_AT] for each in members.values())))
    glances = instance.ledger.glance(some[:LOOKED_AT])
    parked = Counter(reason for glance in glances for reason, _ in glance.parks)
    sizes = {pool: len(each) for pool, each in members.items()}
    return Level(level, place, sizes, parked, len(glances))


def _placed(callee: Callee) -> CalledPlace:
    place = callee.locality
    return CalledPlace(
        mask(callee.number), callee.kind, place.country, place.province, place.city, place.area_code
    )
