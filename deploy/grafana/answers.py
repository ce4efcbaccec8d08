"""The rows that tell whether there are answers, and whether they are good."""

from deploy.grafana.panels import Figure, Lines, Row
from deploy.grafana.queries import AVAILABLE, INSTANCE, REPLICA, STALE, per_second, quantile

PICK = "callerid_pick_duration_seconds"
BUDGET = 0.06  # seconds; selection.pick_timeout_ms
ALLOWED = 0.001  # the share of answers that may be late, as in deploy/prometheus/alerts.yml
OURS = f'{REPLICA},source!="ccc"'  # CCC's own pick has a time limit of its own

ASKED = (
    f'sum (rate({{__name__=~"callerid_(picks|pick_refusals)_total",{INSTANCE}}}[$__rate_interval]))'
)
ANSWERED = f'sum by (match) (increase(callerid_outcomes_total{{{INSTANCE},result="answered"}}[1h]))'
ENDED = (
    "sum by (match) (increase(callerid_outcomes_total"
    f'{{{INSTANCE},result!~"ringing|in_call"}}[1h]))'
)

_CALLS = "callerid_experiment_calls_total"
ARM_CALLS = f"sum by (arm) (increase({_CALLS}{{{INSTANCE}}}[1d]))"
ARM_ANSWERED = f'sum by (arm) (increase({_CALLS}{{{INSTANCE},result="answered"}}[1d]))'

NOW: Row = (
    Figure(
        "Picks answered",
        "By all replicas together.",
        {"": per_second("callerid_picks_total")},
        unit="reqps",
        colours={"blue": None},
    ),
    Figure(
        "Refused",
        "The share of all picks that ended in an error, the callers' own among them.",
        {"": f"({per_second('callerid_pick_refusals_total')} or vector (0)) / {ASKED}"},
        unit="percentunit",
        colours={"green": None, "yellow": 0.05, "red": 0.2},
    ),
    Figure(
        "99 of 100 answered within",
        "The budget is 60 ms. What CCC picked is left out.",
        {"": quantile(0.99, PICK, where=OURS)},
        unit="s",
        colours={"green": None, "yellow": BUDGET / 2, "red": BUDGET},
    ),
    Figure(
        "Redis",
        "1 while every replica reaches it; nothing where the ledger is embedded.",
        {"": f"min (callerid_redis_up{{{REPLICA}}})"},
        unit="short",
        colours={"red": None, "green": 1},
    ),
    Figure(
        "Numbers available",
        "Neither capped nor resting, parked or quarantined.",
        {"": f"sum ({AVAILABLE})"},
        unit="short",
        colours={"red": None, "yellow": 1, "green": 10},
    ),
    Figure(
        "Oldest inventory",
        "Since a sweep last confirmed it.",
        {"": f"max (callerid_inventory_age_seconds{{{INSTANCE}}})"},
        unit="s",
        colours={"green": None, "yellow": STALE / 2, "red": STALE},
    ),
)

ANSWERING: Row = (
    Lines(
        "Picks answered",
        "By where they were decided. `degraded` is without Redis, `ccc` by Alibaba's own pick.",
        {"{{source}}": per_second("callerid_picks_total", "source")},
        unit="reqps",
        stacking="normal",
    ),
    Lines(
        "Refusals",
        "By their code. Those whose instance is not known are in every selection.",
        {"{{code}}": per_second("callerid_pick_refusals_total", "code")},
        unit="reqps",
        stacking="normal",
    ),
    Lines(
        "Requests, by client",
        "By the name in [[auth.clients]] or the access key's id; none of both without auth.",
        {"{{client}}": per_second("callerid_requests_total", "client", REPLICA)},
        unit="reqps",
        stacking="normal",
    ),
    Lines(
        "Refusals, by client",
        "Picks and all other requests. One client alone is that client's; all are the service's.",
        {
            "{{client}} {{code}}": per_second(
                "callerid_requests_total", "client, code", f'{REPLICA},code!="OK"'
            )
        },
        unit="reqps",
        stacking="normal",
    ),
    Lines(
        "Time to an answer",
        "The dashed line is the budget. What CCC picked is left out.",
        {f"p{share:.0%}"[:-1]: quantile(share, PICK, where=OURS) for share in (0.5, 0.95, 0.99)},
        unit="s",
        limit=BUDGET,
    ),
    Lines(
        "Late answers against what is allowed",
        "1 uses up in 30 days what 99.9 % in time allow for 30 days; 14.4 does so in two.",
        {
            "one hour": f"job:callerid_picks_late:ratio_rate1h / {ALLOWED}",
            "six hours": f"job:callerid_picks_late:ratio_rate6h / {ALLOWED}",
        },
        unit="short",
        limit=14.4,
    ),
    Lines(
        "In flight",
        "Picks being answered, at the instant of a scrape; server.max_in_flight bounds them.",
        {"{{replica}}": f"sum by (replica) (callerid_in_flight{{{REPLICA}}})"},
        unit="short",
    ),
    Lines(
        "Connections",
        "Open ones, of server.max_connections; and those a second that were closed at once.",
        {
            "{{replica}}": f"sum by (replica) (callerid_connections{{{REPLICA}}})",
            "refused, {{reason}}": per_second(
                "callerid_refused_connections_total", "reason", REPLICA
            ),
        },
        unit="short",
    ),
    Lines(
        "Event loop lag",
        "How late the loop wakes, 99 of 100 times. Beyond 50 ms picks miss their budget.",
        {"{{replica}}": quantile(0.99, "callerid_event_loop_lag_seconds", "replica")},
        unit="s",
        limit=0.05,
    ),
)

GOOD: Row = (
    Lines(
        "Match level",
        "Where the caller number stands to the callee. More `any` is less local presence.",
        {"{{match}}": per_second("callerid_picks_total", "match")},
        unit="reqps",
        stacking="percent",
    ),
    Lines(
        "Left to CCC",
        "Picks for groups of which the inventory has no candidate at all.",
        {
            "{{instance}}": per_second(
                "callerid_picks_total", "instance", f'{INSTANCE},source="ccc"'
            )
        },
        unit="reqps",
    ),
    Lines(
        "Calls answered, by match level",
        "Of the calls that ended within the hour. It does not say what local numbers are worth: "
        "who is called at which level differs too. The experiment says.",
        {"{{match}}": f"{ANSWERED} / {ENDED}"},
        unit="percentunit",
    ),
    Lines(
        "Numbers passed over",
        "On the way to an answer or a refusal, by reason.",
        {"{{reason}}": per_second("callerid_candidates_rejected_total", "reason")},
        unit="cps",
        stacking="normal",
    ),
    Lines(
        "Outcomes",
        "What dialers report. None at all is a dialer that does not report.",
        {"{{result}}": per_second("callerid_outcomes_total", "result")},
        unit="cps",
        stacking="normal",
    ),
    Lines(
        "Unknown prefixes",
        "Called numbers that the prefix table lacks. A rise asks for a newer phone.dat.",
        {"{{replica}}": per_second("callerid_unknown_prefixes_total", "replica", REPLICA)},
        unit="cps",
    ),
)

EXPERIMENT: Row = (
    Lines(
        "Calls answered, by arm",
        "Of those of a day: `local` as anybody, `any` from anywhere. Chance moves both; "
        "callerid experiment says whether they differ by more.",
        {"{{arm}}": f"{ARM_ANSWERED} / {ARM_CALLS}"},
        unit="percentunit",
    ),
    Lines(
        "Calls, by arm",
        "Of a day. None at all: the experiment is off, has stopped, or no outcomes are reported.",
        {"{{arm}}": ARM_CALLS},
        unit="short",
    ),
)
