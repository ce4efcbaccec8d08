"""Check the places that a configuration names: each must be one to the table of prefixes."""

from collections.abc import Iterator, Mapping
from itertools import chain

from service.locality import Locator
from service.settings import Settings
from service.settings.faults import Fault, KeyPath, shown


def unknown_places(settings: Settings, locator: Locator) -> Iterator[Fault]:
    """Yield a fault for each name in `near` and `avoid` that no province and no city has."""
    for path, name in chain(_places_near(settings), _places_avoided(settings)):
        if not locator.knows(name):
            yield Fault(path, shown(name), "a province or a city, as 四川")


def _places_near(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    common = settings.selection.near
    tables: list[tuple[KeyPath, Mapping[str, tuple[str, ...]]]] = [(("selection", "near"), common)]
    for at, instance in enumerate(settings.instances):
        if (near := settings.selection_for(instance).near) != common:
            tables.append((("instances", at, "near"), near))
    for path, near in tables:
        for callees, places in near.items():
            if callees != "*":
                yield (*path, callees), callees
            for at, place in enumerate(places):
                yield (*path, callees, at), place


def _places_avoided(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    for at, override in enumerate(settings.numbers):
        for position, place in enumerate(override.avoid):
            yield ("numbers", at, "avoid", position), place
