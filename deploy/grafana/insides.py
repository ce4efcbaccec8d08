"""The rows that tell of the numbers, and of the parts that the answers come from."""

from deploy.grafana.panels import Bars, Lines, Row
from deploy.grafana.queries import (
    AVAILABLE,
    INSTANCE,
    REPLICA,
    STALE,
    over_instances,
    per_second,
    quantile,
    recently,
)

CANDIDATES = f'max by (instance, usage) (callerid_inventory_numbers{{{INSTANCE},available="true"}})'
BATCHED = per_second("callerid_ledger_batch_size_sum", where=REPLICA)
BATCHES = per_second("callerid_ledger_batch_size_count", where=REPLICA)
ASKED_OF_CCC = per_second("callerid_ccc_requests_total", "action", REPLICA)
THROTTLED = per_second("callerid_ccc_requests_total", "action", f'{REPLICA},code=~"Throttling.*"')

NUMBERS: Row = (
    Lines(
        "Available",
        "Of the candidates: active, outbound and in a skill group or an agent's.",
        {
            "{{instance}} available": f"sum by (instance) ({AVAILABLE})",
            "{{instance}} candidates": f"sum by (instance) ({CANDIDATES})",
        },
        unit="short",
    ),
    Bars(
        "Provinces with the fewest",
        "Numbers available, where the inventory has or had any.",
        {"{{instance}} {{province}}": f"sort (bottomk (12, {AVAILABLE}))"},
        colours={"red": None, "yellow": 1, "green": 5},
    ),
    Lines(
        "Parked",
        "Out of rotation, by reason; a number with two reasons is in both.",
        {"{{reason}}": over_instances("callerid_numbers_parked", "reason")},
        unit="short",
    ),
    Lines(
        "Headroom of the day's caps",
        "The share of its numbers' max_per_day that a group still has; at 0 it has none to show.",
        {
            "{{instance}} {{skill_group}}": (
                f"min by (instance, skill_group) (callerid_cap_headroom_ratio{{{INSTANCE}}})"
            ),
        },
        unit="percentunit",
    ),
    Lines(
        "Quarantine",
        "Numbers in it, and how numbers changed their health.",
        {
            "in quarantine": over_instances(
                "callerid_numbers_parked", "reason", f'{INSTANCE},reason="quarantine"'
            ),
            "to {{state}}": recently("callerid_health_transitions_total", "state"),
        },
        unit="short",
    ),
    Lines(
        "Answered, against what is usual",
        "The last two whole hours against the same hours of two weeks; 1 is as ever.",
        {
            "{{skill_group}}": f"max by (skill_group) (callerid_answered_ratio{{{INSTANCE}}})",
        },
        unit="percentunit",
    ),
    Lines(
        "Inventory age",
        "Since a sweep last confirmed it. Picks go on from an old one.",
        {"{{instance}}": f"max by (instance) (callerid_inventory_age_seconds{{{INSTANCE}}})"},
        unit="s",
        limit=STALE,
    ),
    Lines(
        "Sweeps",
        "By result. `held` waits to be confirmed: CCC listed far fewer numbers than before.",
        {
            "{{result}}": recently("callerid_sweeps_total", "result"),
            "{{instance}} waits": f"max by (instance) (callerid_sweep_shrink_held{{{INSTANCE}}})",
            "{{instance}} rows set aside": (
                f"max by (instance) (callerid_unreadable_numbers{{{INSTANCE}}})"
            ),
        },
        unit="short",
    ),
)

PARTS: Row = (
    Lines(
        "Redis up",
        "1 while all workers of a replica reach it.",
        {"{{replica}}": f"min by (replica) (callerid_redis_up{{{REPLICA}}})"},
        unit="short",
    ),
    Lines(
        "Redis's memory",
        "Of maxmemory. When it is full, all picks are degraded.",
        {
            "{{replica}}": "redis_memory_used_bytes / (redis_memory_max_bytes > 0)",
        },
        unit="percentunit",
        limit=0.5,
    ),
    Lines(
        "Degraded picks",
        "Decided without Redis, and written to it afterwards. `dropped` is a count lost.",
        {
            "picks": per_second("callerid_degraded_picks_total", where=REPLICA),
            "written back: {{result}}": per_second("callerid_write_backs_total", "result", REPLICA),
            "waiting": f"sum (callerid_write_back_backlog{{{REPLICA}}})",
        },
        unit="short",
    ),
    Lines(
        "Redis set right",
        "Ledgers that were wiped and written anew, values that could not be read, and by how many "
        "seconds Redis's clock is behind the time that the ledger had reached.",
        {
            "wiped {{instance}}": recently("callerid_ledger_restores_total", "instance"),
            "unreadable": recently("callerid_ledger_unreadable_total", "replica", REPLICA),
            "clock behind, s": f"max (callerid_ledger_clock_behind_seconds{{{REPLICA}}})",
        },
        unit="short",
    ),
    Lines(
        "Picks in one call of the ledger",
        "More under load: picks that wait in one process go out together.",
        {
            "mean": f"{BATCHED} / {BATCHES}",
            "p99": quantile(0.99, "callerid_ledger_batch_size"),
        },
        unit="short",
    ),
    Lines(
        "Ledger time",
        "From a call to its answer. Near redis.timeout_ms picks become degraded.",
        {
            "p50": quantile(0.5, "callerid_ledger_duration_seconds"),
            "p99": quantile(0.99, "callerid_ledger_duration_seconds"),
        },
        unit="s",
    ),
    Lines(
        "Calls to CCC",
        "By action and by Alibaba's code.",
        {"{{action}} {{code}}": per_second("callerid_ccc_requests_total", "action, code", REPLICA)},
        unit="reqps",
    ),
    Lines(
        "CCC time",
        "95 of 100 answers, by action; and how long a sweep takes.",
        {
            "{{action}}": quantile(0.95, "callerid_ccc_request_duration_seconds", "action"),
            "sweep {{instance}}": quantile(
                0.95, "callerid_sweep_duration_seconds", "instance", INSTANCE
            ),
        },
        unit="s",
    ),
    Lines(
        "Throttled by CCC",
        "The share of the calls. The account's limit is shared by all that use it.",
        {"{{action}}": f"{THROTTLED} / {ASKED_OF_CCC}"},
        unit="percentunit",
    ),
    Lines(
        "Versions",
        "How many replicas run each; two at a time is a rollout.",
        {
            "{{version}}, Python {{python}}": (
                f"count by (version, python) (callerid_build_info{{{REPLICA}}})"
            ),
        },
        unit="short",
    ),
    Lines(
        "Started again, read again",
        "Background tasks that died, and configurations that SIGHUP had read.",
        {
            "task {{task}}": recently("callerid_task_restarts_total", "task", REPLICA),
            "configuration {{result}}": recently(
                "callerid_config_reloads_total", "result", REPLICA
            ),
        },
        unit="short",
    ),
)
