"""Check a configuration beyond its types: readable values, and no contradictions.

Pure: each rule looks at the settings and yields its faults, none knows where they were read.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from msgspec import structs

from service.locality import Locator
from service.redis_.url import FORMS, OPTIONS, OptionError, read_url
from service.settings import (
    InstanceSettings,
    NumberOverride,
    Selection,
    Settings,
)
from service.settings.experiment import unfit, unsound
from service.settings.faults import Fault, KeyPath, shown
from service.settings.kinds import Level, parse_calling_window

_LEVELS = get_args(Level)


def contradictions(settings: Settings) -> Iterator[Fault]:
    """Yield every fault of well-typed settings."""
    yield from _redis(settings)
    yield from _auth(settings)
    yield from _endpoint(settings.ccc.endpoint, ("ccc", "endpoint"))
    yield from _staleness(settings)
    yield from unsound(settings.experiment)
    yield from _selection(settings.selection, ("selection",), settings)
    for at, override in enumerate(settings.numbers):
        yield from _override(override, ("numbers", at))
    for at, instance in enumerate(settings.instances):
        yield from _instance(instance, ("instances", at), settings)
    yield from _repeated(settings)
    yield from _scopes(settings)


def without_effect(settings: Settings) -> Iterator[str]:
    """Say of each key that is set and has nothing to act on why that is so."""
    if settings.redis.digest_key and not settings.redis.url:
        yield "redis.digest_key: without redis.url nothing is kept outside of the process"
    is_open = settings.server.is_loopback and not settings.auth_is_required
    if settings.server.allowed_hosts and not is_open:
        yield "server.allowed_hosts: only a loopback listener without auth looks at Host"
    has_caps = any(override.max_per_day for override in settings.numbers)
    selections = [settings.selection_for(instance) for instance in settings.instances]
    if any(one.spare_first and not (has_caps or one.caller.max_per_day) for one in selections):
        yield "selection.spare_first: what numbers have to spare is told by their max_per_day"


def unknown_places(settings: Settings, locator: Locator) -> Iterator[Fault]:
    """Yield a fault for each name in `near` that no province and no city has."""
    common = settings.selection.near
    tables: list[tuple[KeyPath, Mapping[str, tuple[str, ...]]]] = [(("selection", "near"), common)]
    for at, instance in enumerate(settings.instances):
        if (near := settings.selection_for(instance).near) != common:
            tables.append((("instances", at, "near"), near))
    names: dict[KeyPath, str] = {}
    for path, near in tables:
        for callees, places in near.items():
            if callees != "*":
                names[*path, callees] = callees
            names |= {(*path, callees, at): place for at, place in enumerate(places)}
    for where, name in names.items():
        if not locator.knows(name):
            yield Fault(where, shown(name), "a province or a city, as 四川")


def _redis(settings: Settings) -> Iterator[Fault]:
    if settings.redis.url:
        try:
            read_url(settings.redis.url)
        except OptionError:
            found = "an option behind the URL (hidden) that is not the URL's to set, or no value"
            yield Fault(("redis", "url"), found, OPTIONS)
        except ValueError:
            yield Fault(("redis", "url"), "no such URL (hidden)", FORMS)
    elif settings.server.workers > 1:
        yield Fault(
            ("server", "workers"),
            f"{settings.server.workers} without redis.url",
            "1, or a redis.url: the embedded ledger belongs to one process",
            (("redis", "url"),),
        )


def _auth(settings: Settings) -> Iterator[Fault]:
    auth = settings.auth
    if settings.auth_is_required and not auth.clients and not auth.access_keys:
        yield Fault(
            ("auth", "required"),
            f"{auth.required!r} at host {shown(settings.server.host)}, and nobody who may ask",
            "auth.clients or auth.access_keys, a loopback host, or 'never'",
            (("server", "host"), ("auth", "clients"), ("auth", "access_keys")),
        )
    for kind, secret in (("clients", "token"), ("access_keys", "secret")):
        for at, credential in enumerate(getattr(auth, kind)):
            if not (text := getattr(credential, secret)):
                yield Fault(("auth", kind, at, secret), "nothing", f"a {secret}")
            elif kind == "clients" and not (text.isascii() and text.isprintable()):
                found = "characters (hidden) that no header carries"
                yield Fault(("auth", kind, at, secret), found, "printable ASCII")
            yield from _bound(credential.instances, ("auth", kind, at, "instances"), settings)


def _bound(instances: tuple[str, ...], path: KeyPath, settings: Settings) -> Iterator[Fault]:
    """A credential bound to what there is not would open nothing, and nobody would see why."""
    ids = [instance.id for instance in settings.instances]
    for at, named in enumerate(instances):  # perhaps a token
        if named not in ids:
            expected = f"one of {', '.join(ids) or 'the ids in [[instances]]'}"
            yield Fault((*path, at), "no such instance (hidden)", expected, (("instances",),))


def _endpoint(endpoint: str, path: KeyPath) -> Iterator[Fault]:
    try:
        parts = urlsplit(endpoint)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in endpoint
        _ = parts.port  # raises where it is no port
    except ValueError:
        sound = False
    if not sound:
        yield Fault(path, "no such URL (hidden)", "https:// and a host, without a login")


def _staleness(settings: Settings) -> Iterator[Fault]:
    inventory = settings.inventory
    if inventory.stale_after_seconds < inventory.refresh_seconds:
        yield Fault(
            ("inventory", "stale_after_seconds"),
            f"{inventory.stale_after_seconds:g}",
            f"refresh_seconds ({inventory.refresh_seconds:g}) at the least",
            (("inventory", "refresh_seconds"),),
        )


def _selection(selection: Selection, path: KeyPath, settings: Settings) -> Iterator[Fault]:
    """Check one selection; `path` is its table, an instance's where that overrides."""
    ranks = [_LEVELS.index(level) for level in selection.levels]
    if ranks != sorted(set(ranks)):
        found = ", ".join(selection.levels)
        yield Fault((*path, "levels"), found, "each level once, the narrowest first")
    yield from unfit(settings.experiment, selection.levels, path)
    if ("near" in selection.levels) != bool(selection.near):
        found = "places without the level" if selection.near else "the level without places"
        expected = "`near` among the levels and [selection.near], or neither"
        yield Fault((*path, "near"), found, expected, ((*path, "levels"),))
    if not _is_timezone(selection.timezone):
        expected = "a time zone of the tz database"
        if not available_timezones():
            expected += ", which this machine lacks: install its package tzdata"
        yield Fault((*path, "timezone"), shown(selection.timezone), expected)
    try:
        parse_calling_window(selection.calling_window)
    except ValueError as error:
        expected = "HH:MM-HH:MM, the first before the second, or nothing"
        yield Fault(
            (*path, "calling_window"), f"{shown(selection.calling_window)} ({error})", expected
        )
    if settings.redis.url and settings.redis.timeout_ms >= selection.pick_timeout_ms:
        yield Fault(
            (*path, "pick_timeout_ms"),
            f"{selection.pick_timeout_ms}",
            f"more than redis.timeout_ms ({settings.redis.timeout_ms}): "
            "a pick outlives the ledger's timeout and decides by itself",
            (("redis", "timeout_ms"),),
        )


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, a path, a directory
        return False
    return True


def _override(override: NumberOverride, path: KeyPath) -> Iterator[Fault]:
    given = [name for name, value in structs.asdict(override.match).items() if value]
    if len(given) != 1:
        found = " and ".join(given) or "nothing to match"
        yield Fault((*path, "match"), found, "exactly one of number, tag, provider")
    if all(value is None for name, value in structs.asdict(override).items() if name != "match"):
        yield Fault(path, "no limit", "at least one key of [selection.caller] to override")


def _instance(instance: InstanceSettings, path: KeyPath, settings: Settings) -> Iterator[Fault]:
    ccc = instance.ccc
    if bool(ccc.access_key_id) != bool(ccc.access_key_secret):
        expected = "access_key_id and access_key_secret together, or neither"
        yield Fault((*path, "ccc"), "half a key pair", expected)
    if ccc.security_token and not ccc.access_key_id:
        yield Fault((*path, "ccc", "security_token"), "it alone", "the key pair that it belongs to")
    if ccc.endpoint:
        yield from _endpoint(ccc.endpoint, (*path, "ccc", "endpoint"))
    if instance.selection is not None:
        for fault in _selection(instance.selection, path, settings):
            key = str(fault.path[len(path)])
            if getattr(instance.selection, key) != getattr(settings.selection, key):
                yield fault


def _repeated(settings: Settings) -> Iterator[Fault]:
    """Names that tell things apart must differ, and so must the tokens that tell clients apart."""
    tables: list[tuple[KeyPath, Sequence[object], str]] = [
        (("auth", "clients"), settings.auth.clients, "name"),
        (("auth", "clients"), settings.auth.clients, "token"),
        (("auth", "access_keys"), settings.auth.access_keys, "id"),
        (("instances",), settings.instances, "id"),
    ]
    for path, entries, key in tables:
        values = [getattr(entry, key) for entry in entries]
        for at, value in enumerate(values):
            if (first := values.index(value)) < at:
                yield Fault((*path, at, key), f"that of entry {first} again", "one of its own")


def _scopes(settings: Settings) -> Iterator[Fault]:
    """Instances of one scope share the callees' budgets, so they must count them alike."""
    at_place = list(enumerate(settings.instances))
    ordered = sorted(at_place, key=lambda pair: pair[1].scope)
    for scope, members in groupby(ordered, key=lambda pair: pair[1].scope):
        (_, first), *others = members
        for at, other in others:
            yield from _differences(settings, scope, first, other, ("instances", at))


def _differences(
    settings: Settings, scope: str, first: InstanceSettings, other: InstanceSettings, path: KeyPath
) -> Iterator[Fault]:
    ours, theirs = settings.selection_for(other), settings.selection_for(first)
    expected = f"the same in all instances of scope {scope!r}"
    if ours.callee.rules != theirs.callee.rules:
        yield Fault((*path, "callee", "rules"), f"other rules than {first.id!r} has", expected)
    if ours.timezone != theirs.timezone:
        found = f"{ours.timezone!r} and {theirs.timezone!r} for {first.id!r}"
        yield Fault((*path, "timezone"), found, expected)
