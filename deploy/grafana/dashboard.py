"""The dashboards of callerid as Grafana reads them.

    python -m deploy.grafana.dashboard

writes them anew. What they show stands in `answers`, `insides` and `places`. They are made with the
model of Grafana 10.1, so that 10.1 and whatever came after reads them.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    VariableRefresh,
    VariableSort,
)

from deploy.grafana import places
from deploy.grafana.answers import ANSWERING, EXPERIMENT, GOOD, NOW
from deploy.grafana.insides import NUMBERS, PARTS
from deploy.grafana.panels import SOURCE, Row, panel_of
from deploy.grafana.queries import CHOSEN, INSTANCE

HERE = Path(__file__).parent


class Board(msgspec.Struct, frozen=True):
    """A dashboard: its title, what it is about, its rows, and the labels that one chooses by."""

    title: str
    told: str
    rows: Mapping[str, Row]
    choices: Mapping[str, str]  # each with a metric that has it


def _sweeps(results: str) -> str:
    some = f"callerid_sweeps_total{{{INSTANCE},{results}}}"
    return f"sum by (instance, result) (increase({some}[1m])) > 0"


_PARKED = "instance_reason:callerid_numbers_parked:max"
_BY_SOMEBODY = f'{CHOSEN},reason=~"operator|sip_.*|provider|quarantine"'

# What one looks for behind a change of the lines: marks over all of them, each with its colour.
MARKS = {
    "Sweeps that changed something": ("blue", _sweeps('result="accepted"')),
    "Sweeps that failed or wait": ("orange", _sweeps('result!~"accepted|unchanged"')),
    "Parks": ("red", f"delta({_PARKED}{{{_BY_SOMEBODY}}}[1m]) > 0"),
}

BOARDS = {
    "callerid": Board(
        "callerid",
        "Outbound caller-ID selection: answers, how good they are, numbers, parts.",
        {
            "Now": NOW,
            "Are we answering?": ANSWERING,
            "Are the answers good?": GOOD,
            "Are local numbers answered more often?": EXPERIMENT,
            "The numbers": NUMBERS,
            "The parts": PARTS,
        },
        {"instance": "callerid_inventory_age_seconds", "replica": "callerid_in_flight"},
    ),
    "callerid-places": Board(
        "callerid, by place",
        "Where the callees are, and whether they are shown numbers of their own place.",
        {"An hour": places.NOW, "Over time": places.OVER_TIME},
        {
            "instance": "callerid_inventory_age_seconds",
            "replica": "callerid_in_flight",
            "province": "callerid_picks_by_place_total",
        },
    ),
}


def built(uid: str) -> str:
    """A dashboard, as text."""
    board = BOARDS[uid]
    dashboard = _frame(uid, board)
    for title, row in board.rows.items():
        dashboard = dashboard.with_row(builders.Row(title))
        for shown in row:
            dashboard = dashboard.with_panel(panel_of(shown))
    model = dashboard.build()
    for panel_id, panel in enumerate(model.panels or [], 1):
        panel.id_val = panel_id
    text = json.dumps(model, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n"


def _frame(uid: str, board: Board) -> builders.Dashboard:
    source = builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
    dashboard = (
        builders.Dashboard(board.title)
        .uid(uid)
        .description(board.told)
        .tags(["callerid"])
        .refresh("30s")
        .time("now-3h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(source)
    )
    for label, metric in board.choices.items():
        dashboard = dashboard.with_variable(_choice(label, metric))
    for name, (colour, expression) in MARKS.items():
        mark = builders.AnnotationQuery().name(name).datasource(SOURCE).icon_color(colour)
        dashboard = dashboard.annotation(mark.expr(expression))
    return dashboard


def _choice(label: str, metric: str) -> builders.QueryVariable:
    """A variable by a label; All lets through what lacks the label, too."""
    return (
        builders.QueryVariable(label)
        .label(label.capitalize())
        .datasource(SOURCE)
        .query(f"label_values({metric}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
    )


if __name__ == "__main__":
    for uid in BOARDS:
        (HERE / f"{uid}.json").write_text(built(uid), "utf-8")
