"""The dashboard of callerid as Grafana reads it.

    python -m deploy.grafana.dashboard > deploy/grafana/callerid.json

writes it anew. What it shows stands in `answers` and `insides`. It is made with the model of
Grafana 10.1, so that 10.1 and whatever came after reads it.
"""

import json

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    VariableRefresh,
    VariableSort,
)

from deploy.grafana.answers import ANSWERING, EXPERIMENT, GOOD, NOW
from deploy.grafana.insides import NUMBERS, PARTS
from deploy.grafana.panels import SOURCE, panel_of

ROWS = {
    "Now": NOW,
    "Are we answering?": ANSWERING,
    "Are the answers good?": GOOD,
    "Are local numbers answered more often?": EXPERIMENT,
    "The numbers": NUMBERS,
    "The parts": PARTS,
}


def built() -> str:
    """The dashboard, as text."""
    dashboard = _frame()
    for title, row in ROWS.items():
        dashboard = dashboard.with_row(builders.Row(title))
        for shown in row:
            dashboard = dashboard.with_panel(panel_of(shown))
    model = dashboard.build()
    for panel_id, panel in enumerate(model.panels or [], 1):
        panel.id_val = panel_id
    text = json.dumps(model, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n"


def _frame() -> builders.Dashboard:
    source = builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return (
        builders.Dashboard("callerid")
        .uid("callerid")
        .description("Outbound caller-ID selection: answers, how good they are, numbers, parts.")
        .tags(["callerid"])
        .refresh("30s")
        .time("now-3h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(source)
        .with_variable(_choice("instance", "callerid_inventory_age_seconds"))
        .with_variable(_choice("replica", "callerid_in_flight"))
    )


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
    print(built(), end="")
