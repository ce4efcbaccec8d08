"""The kinds of panels that the dashboard has, as data, and how Grafana is to show each."""

from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec
from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as styles
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")

Colours = Mapping[str, float | None]  # each from its value up; the first from anywhere
Built = TypeVar("Built", timeseries.Panel, stat.Panel, bargauge.Panel)


class Shown(msgspec.Struct, frozen=True):
    """What any panel has.

    `told` says what is good and what is not; `queries` are expressions by their legend.
    """

    title: str
    told: str
    queries: Mapping[str, str]


class Lines(Shown, frozen=True, kw_only=True):
    """A graph over time; a dashed line at `limit` says that it is too much."""

    unit: str
    stacking: Literal["none", "normal", "percent"] = "none"
    limit: float | None = None


class Figure(Shown, frozen=True, kw_only=True):
    """The newest value, coloured by how good it is."""

    unit: str
    colours: Colours


class Bars(Shown, frozen=True, kw_only=True):
    """The newest values beside each other."""

    colours: Colours


Row = tuple[Lines | Figure | Bars, ...]


def panel_of(shown: Lines | Figure | Bars) -> Builder[Panel]:
    """The panel as the SDK builds it."""
    match shown:
        case Lines():
            return _asking(_lines(shown), shown)
        case Figure():
            return _asking(_figure(shown), shown)
        case Bars():
            return _asking(_bars(shown), shown)


def _lines(shown: Lines) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .height(8)
        .span(8)
        .unit(shown.unit)
        .min(0)
        .fill_opacity(10 if shown.stacking == "none" else 60)
        .stacking(common.StackingConfig().mode(styles.StackingMode(shown.stacking)))
        .tooltip(
            common.VizTooltipOptions()
            .mode(styles.TooltipDisplayMode.MULTI)
            .sort(styles.SortOrder.DESCENDING)
        )
    )
    if shown.limit is None:
        return panel
    dashed = common.GraphThresholdsStyleConfig().mode(styles.GraphTresholdsStyleMode.DASHED)
    return panel.thresholds(_steps({"green": None, "red": shown.limit})).thresholds_style(dashed)


def _figure(shown: Figure) -> stat.Panel:
    return (
        stat.Panel()
        .height(4)
        .span(4)
        .unit(shown.unit)
        .thresholds(_steps(shown.colours))
        .reduce_options(_newest())
    )


def _bars(shown: Bars) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .height(8)
        .span(8)
        .min(0)
        .orientation(styles.VizOrientation.HORIZONTAL)
        .color_scheme(builders.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .thresholds(_steps(shown.colours))
        .reduce_options(_newest())
    )


def _asking(panel: Built, shown: Shown) -> Built:
    panel = panel.title(shown.title).description(shown.told).datasource(SOURCE)
    for ref_id, (legend, expression) in zip("ABC", shown.queries.items(), strict=False):
        query = prometheus.Dataquery().ref_id(ref_id).expr(expression).legend_format(legend)
        # Over a stretch of time the lowest twelve are more than twelve.
        panel = panel.with_target(query.instant() if isinstance(shown, Bars) else query.range())
    return panel


def _steps(colours: Colours) -> builders.ThresholdsConfig:
    steps = [Threshold(value, colour) for colour, value in colours.items()]
    return builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _newest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])
