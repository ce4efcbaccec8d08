"""The rows that tell of places: where callees are, and whether they are shown local numbers."""

from deploy.grafana.panels import Bars, Lines, Row
from deploy.grafana.queries import AVAILABLE, INSTANCE, per_second

PLACED = f'{INSTANCE},province=~"$province"'
_BY_PLACE = "callerid_picks_by_place_total"


def _share(where: str, by: str) -> str:
    """The share of the picks of an hour that had a match like this."""
    some = f"sum by ({by}) (increase({_BY_PLACE}{{{PLACED},{where}}}[1h]))"
    return f"{some} / (sum by ({by}) (increase({_BY_PLACE}{{{PLACED}}}[1h])) > 0)"


LOCAL = _share('match=~"city|area_code|province"', "province")

NOW: Row = (
    Bars(
        "Most picks",
        "Of an hour, by the callee's province; no name is a callee whose place is not known.",
        {"{{province}}": f"sort_desc (sum by (province) (increase({_BY_PLACE}{{{PLACED}}}[1h])))"},
        colours={"blue": None},
    ),
    Bars(
        "Least local",
        "The share of an hour's picks of the callee's own city, area code or province.",
        {"{{province}}": f"sort (bottomk (15, {LOCAL}))"},
        colours={"red": None, "yellow": 0.5, "green": 0.8},
    ),
    Bars(
        "Picks of an hour for each number",
        "That is available in the callee's province: many ask for numbers there.",
        {
            "{{province}}": (
                f"sort_desc (sum by (province) (increase({_BY_PLACE}{{{PLACED}}}[1h]))"
                f" / (sum by (province) ({AVAILABLE}) > 0))"
            ),
        },
        colours={"green": None, "yellow": 10, "red": 30},
    ),
)

OVER_TIME: Row = (
    Lines(
        "Picks",
        "By the callee's province.",
        {"{{province}}": per_second(_BY_PLACE, "province", PLACED)},
        unit="reqps",
        stacking="normal",
    ),
    Lines(
        "Local",
        "The share of an hour's picks, by the callee's province.",
        {"{{province}}": LOCAL},
        unit="percentunit",
    ),
    Lines(
        "Match level",
        "Of callees in the chosen provinces.",
        {"{{match}}": per_second(_BY_PLACE, "match", PLACED)},
        unit="reqps",
        stacking="percent",
    ),
)
