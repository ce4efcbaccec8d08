"""The settings of the holdout, and their faults beyond their types. Pure."""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from service.settings import kinds
from service.settings.faults import Fault, KeyPath, shown


class ExperimentSettings(Struct, frozen=True):
    """The holdout: the share of callees who get numbers from anywhere, until a day.

    `minimum_effect` is the difference in the share answered that is worth knowing of.
    """

    name: kinds.OptionalWord = ""
    holdout: kinds.Holdout = 0.0
    minimum_effect: kinds.Effect = 0.01
    until: str = ""


def unsound(experiment: ExperimentSettings) -> Iterator[Fault]:
    """Yield the faults of an experiment by itself."""
    if experiment.holdout and not experiment.name:
        expected = "a name, under which the calls are counted"
        yield Fault(("experiment", "name"), "nothing", expected, (("experiment", "holdout"),))
    if experiment.until and not _is_day(experiment.until):
        expected = "a day, as '2026-12-31', or nothing"
        yield Fault(("experiment", "until"), shown(experiment.until), expected)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def unfit(
    experiment: ExperimentSettings, levels: tuple[str, ...], path: KeyPath
) -> Iterator[Fault]:
    """Yield a fault where nobody can be held out by the levels of a selection, at its path."""
    local = {"city", "area_code", "province"}
    if experiment.holdout and ("any" not in levels or local.isdisjoint(levels)):
        expected = "`any` and a nearer one: who is held out gets numbers from anywhere"
        keys = (("experiment", "holdout"),)
        yield Fault((*path, "levels"), ", ".join(levels), expected, keys)
