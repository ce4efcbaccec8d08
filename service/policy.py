"""From the configuration to the rules that a ledger applies, the overrides and the calling window.

The one place where time zones become offsets: a ledger gets those around now, as data.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from service.errors import OutsideCallingWindow, SettingsError
from service.inventory import Near, Node, PhoneNumber, Terms, place_at
from service.ledger import CalleeRule, Limits, Rules, read_trunks, with_trunks
from service.locality import Locator, normal_province
from service.locality.table import NOWHERE
from service.logs import mask
from service.settings import (
    CallerLimits,
    NumberOverride,
    Selection,
    Settings,
)
from service.settings.faults import line
from service.settings.kinds import parse_calling_window
from service.settings.places import unknown_places

MS = 1000
OFFSETS_KNOWN = timedelta(days=62)  # each way: the longest window of a rule is a month
STEP = timedelta(hours=1)
ALL: Node = ("any", "*")


def rules_for(
    settings: Settings, selection: Selection, now: float, in_use: Collection[str] = ()
) -> Rules:
    """The rules of an instance.

    Args:
        settings: the configuration.
        selection: the part of it that holds for the instance.
        now: Unix time in seconds.
        in_use: what `limits_namer` calls the limits of the instance's numbers.
    """
    caller, callee = selection.caller, selection.callee
    limits = {"": _limits(caller, None)}
    # Of two entries for the same numbers the first holds.
    limits |= {_name(override): _limits(caller, override) for override in settings.numbers[::-1]}
    met = map(Rules(limits).limits_named, {*limits, *in_use})
    holds_out = settings.experiment.holdout > 0
    leases = [named.lease for named in met if named.max_concurrent]
    follows = leases or settings.health.enabled or settings.sip_actions or holds_out
    return Rules(
        limits=limits,
        callee=tuple(
            CalleeRule(rule.limit, rule.window_seconds * MS, rule.kind == "calendar")
            for rule in callee.rules
        ),
        cooldown=callee.cooldown_seconds * MS,
        sticky=callee.sticky_seconds * MS,
        idempotency=selection.idempotency_seconds * MS,
        remembered=max(leases, default=caller.lease_seconds * MS) if follows else 0,
        offsets=offsets_around(ZoneInfo(selection.timezone), now),
    )


def near_of(settings: Settings, locator: Locator) -> Mapping[str, Near]:
    """Read for each instance the places to go to before anywhere, under the names of pools.

    Raises:
        SettingsError: one is no place to this locator; each is named.
    """
    if faults := list(unknown_places(settings, locator)):
        raise SettingsError([line(fault, "beside what runs", {}) for fault in faults])
    return {
        instance.id: {
            _node(callees, locator): tuple(_node(place, locator) for place in places)
            for callees, places in settings.selection_for(instance).near.items()
        }
        for instance in settings.instances
    }


def _node(name: str, locator: Locator) -> Node:
    """A place by its name; one that a province and a city have is the province's."""
    if name == "*":
        return ALL
    if locator.has_province(name):
        return "province", normal_province(name)
    city = locator.city(name) or NOWHERE
    return "city", place_at("city", city.province, city.city, city.area_code)


def limits_namer(overrides: Sequence[NumberOverride]) -> Callable[[PhoneNumber], str]:
    """Return a function that names a number's limits, by the first override it matches, or "".

    Its trunks, where they are known, are its `max_concurrent` unless the override sets that.
    """
    last_to_first = reversed([*enumerate(overrides)])
    first = {_name(override): (at, override) for at, override in last_to_first}

    def name(number: PhoneNumber) -> str:
        met = [first[of] for of in _names(number) if of in first] if first else []
        override = min(met)[1] if met else None
        of = _name(override) if override else ""
        trunks = number.details.trunks if number.details else 0
        is_set = override is not None and override.max_concurrent is not None
        return with_trunks(of, trunks) if trunks and not is_set else of

    return name


def terms_reader(
    overrides: Sequence[NumberOverride], locator: Locator
) -> Callable[[PhoneNumber], Terms]:
    """Return a function that tells the terms of a number's use, by the first override it matches.

    Args:
        overrides: the entries of `[[numbers]]`.
        locator: has all their places.
    """
    name = limits_namer(overrides)
    avoided = {
        _name(override): frozenset(_node(place, locator)[1] for place in override.avoid)
        for override in overrides[::-1]
    }

    def terms(number: PhoneNumber) -> Terms:
        limits = name(number)
        return Terms(limits, avoided.get(read_trunks(limits)[0], frozenset()))

    return terms


def unused_overrides(overrides: Sequence[NumberOverride], names: Iterable[str]) -> tuple[str, ...]:
    """Name the entries of `[[numbers]]` by which no number goes.

    Args:
        overrides: the entries.
        names: what `limits_namer` calls the limits of all numbers.
    """
    used = {read_trunks(name)[0] for name in names}
    return tuple(
        f"numbers[{at}] ({_shown(override)})"
        for at, override in enumerate(overrides)
        if _name(override) not in used
    )


def offsets_around(zone: ZoneInfo, now: float) -> tuple[tuple[int, int], ...]:
    """The zone's offsets from UTC around now in ms, each with the instant from which it holds."""
    return _offsets_around(zone, int(now // STEP.total_seconds()))


@lru_cache(maxsize=64)
def _offsets_around(zone: ZoneInfo, hour: int) -> tuple[tuple[int, int], ...]:
    """Looked up once an hour for all instances of a zone: it takes some ms."""
    at = datetime.fromtimestamp(0, UTC) + hour * STEP - OFFSETS_KNOWN
    end = at + 2 * OFFSETS_KNOWN
    offsets = [(0, _offset(zone, at))]
    while at < end:
        at += STEP
        if (offset := _offset(zone, at)) != offsets[-1][1]:
            offsets.append((int(at.timestamp()) * MS, offset))
    return tuple(offsets)


def outside_window(selection: Selection, now: float) -> OutsideCallingWindow | None:
    """Return the error of a pick outside the calling window, None where that is open.

    Args:
        selection: with the window and its time zone.
        now: Unix time in seconds.
    """
    window = parse_calling_window(selection.calling_window)
    if window is None:
        return None
    start, end = window
    local = datetime.fromtimestamp(now, ZoneInfo(selection.timezone))
    minute = local.hour * 60 + local.minute
    if start <= minute < end:
        return None
    day = local.date() if minute < start else local.date() + timedelta(days=1)
    opening = datetime(day.year, day.month, day.day, start // 60, start % 60, tzinfo=local.tzinfo)
    return OutsideCallingWindow(opening.isoformat(), opening.timestamp() - now)


def _limits(caller: CallerLimits, override: NumberOverride | None) -> Limits:
    def of(key: str) -> int:
        own = getattr(override, key, None)
        value: int = getattr(caller, key) if own is None else own
        return value

    return Limits(
        of("max_per_hour"),
        of("max_per_day"),
        of("max_concurrent"),
        of("lease_seconds") * MS,
        of("rest_seconds") * MS,
    )


def _name(override: NumberOverride) -> str:
    match = override.match
    kind, value = next(
        (kind, value) for kind in ("number", "tag", "provider") if (value := getattr(match, kind))
    )
    return f"{kind}={value}"


def _shown(override: NumberOverride) -> str:
    number = override.match.number
    return f"number={mask(number)}" if number else _name(override)


def _names(number: PhoneNumber) -> list[str]:
    """The names of all overrides that a number could match."""
    of_tags = [f"tag={tag}" for tag in number.tags]
    return [f"number={number.number}", f"provider={number.provider}", *of_tags]


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) * MS if offset else 0
