"""What an experiment says so far, from the counts of all replicas.

Beside the counts of its calls stand the settings by which it began, and that it has stopped. Pure.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from service.experiment.arms import (
    ARMS,
    BAND_HOURS,
    BANDS,
    ArmCalls,
    Fields,
    buckets_of,
    in_stratum,
)
from service.experiment.difference import Difference, Verdict, difference, total_of
from service.inventory.marks import ELSEWHERE, PROVINCES
from service.settings import ExperimentSettings

State = Literal["off", "running", "stopped", "refused"]

_SETTINGS = "settings "
_STOPPED = "stopped "


class ExperimentStratum(Struct, frozen=True):
    """The calls to a province in four hours of the day."""

    province: Annotated[str, Meta(description="Of ISO 3166-2:CN, as `SC`; `--` where none is.")]
    hour: Annotated[int, Meta(description="The first of the four, in the instance's time zone.")]
    arms: Annotated[Mapping[str, ArmCalls], Meta(description="Its calls, by arm.")]


class ExperimentReport(Struct, frozen=True):
    """An experiment as it stands."""

    instance_id: Annotated[str, Meta(description="The instance's id.")]
    name: Annotated[str, Meta(description="Empty where none is configured.")]
    state: Annotated[
        State, Meta(description="`refused`: under this name it began by other settings.")
    ]
    arms: Annotated[
        Mapping[str, ArmCalls],
        Meta(description="`local`: as anybody; `any`: shown numbers from anywhere."),
    ]
    difference: Annotated[
        float | None,
        Meta(description="The share answered in `local` less that in `any`; null: too few calls."),
    ]
    interval: Annotated[
        tuple[float, ...] | None,
        Meta(description="Its two ends; it covers the truth in 95 of 100, whenever one looks."),
    ]
    verdict: Annotated[Verdict, Meta(description="The arm that is answered more often.")]
    strata: Annotated[
        tuple[ExperimentStratum, ...],
        Meta(description="The calls by province and hours; nothing is decided by them."),
    ]


def settings_field(settings: ExperimentSettings, conditions: Mapping[str, Any]) -> str:
    """Return the field for what an experiment is about: with anything else it is another one."""
    about = {
        "holdout": settings.holdout,
        "minimum_effect": settings.minimum_effect,
        **conditions,
    }
    return _SETTINGS + msgspec.json.encode(about).decode()


def began_by(fields: Fields) -> list[str]:
    """Return the fields for what an experiment was about when it began; several are a quarrel."""
    return sorted(field for field in fields if field.startswith(_SETTINGS))


def stopped_field(verdict: Verdict) -> str:
    """Return the field for an experiment that has stopped."""
    return _STOPPED + verdict


def stopped_with(fields: Fields) -> Verdict | None:
    """Return the verdict with which an experiment has stopped; None while it has not."""
    verdicts: tuple[Verdict, ...] = get_args(Verdict)
    return next((one for one in verdicts if stopped_field(one) in fields), None)


def verdict_of(fields: Fields, settings: ExperimentSettings) -> Verdict:
    """Return the verdict with which an experiment has stopped, or else the one by its counts."""
    return _verdict(fields, _difference(fields, settings))


def reported(
    instance_id: str, settings: ExperimentSettings, state: State, fields: Fields
) -> ExperimentReport:
    """Report an experiment by its settings, its state and its fields."""
    compared = _difference(fields, settings)
    return ExperimentReport(
        instance_id=instance_id,
        name=settings.name,
        state=state,
        arms={arm: total_of(buckets_of(fields, arm)) for arm in ARMS},
        difference=None if compared is None else compared.value,
        interval=None if compared is None else (compared.low, compared.high),
        verdict=_verdict(fields, compared),
        strata=tuple(_strata(fields)),
    )


def _difference(fields: Fields, settings: ExperimentSettings) -> Difference | None:
    local, other = (buckets_of(fields, arm) for arm in ARMS)
    return difference(local, other, settings.minimum_effect)


def _verdict(fields: Fields, compared: Difference | None) -> Verdict:
    by_counts: Verdict = compared.verdict if compared is not None else "undecided"
    return stopped_with(fields) or by_counts


def _strata(fields: Fields) -> Iterator[ExperimentStratum]:
    """Yield those in which there were calls."""
    for province, band in product((*PROVINCES.values(), ELSEWHERE), range(BANDS)):
        arms: dict[str, ArmCalls] = {arm: in_stratum(fields, arm, province, band) for arm in ARMS}
        if any(calls.calls for calls in arms.values()):
            yield ExperimentStratum(province, band * BAND_HOURS, arms)
