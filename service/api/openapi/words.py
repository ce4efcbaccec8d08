"""What the fields of the wire mean, in one place: a field's name means the same everywhere.

Where it does not, the type's name stands before it. What a type can say (bounds, lists of choices)
is not repeated here.
"""

FIELDS = {
    # What is asked.
    "called_number": "The callee, as dialled: `13888888888`, `+86 138…`, `0086…`, `010-8989 8989`.",
    "caller_number": "The number of ours that was shown.",
    "instance_id": "May be left out where one instance is configured.",
    "skill_group_ids": "The skill groups.",
    "PickRequest.skill_group_ids": "Numbers of any of these; required unless `agent_id` is given.",
    "PickRequest.agent_id": "The agent's own numbers (`UserId`) come first.",
    "count": "How many distinct numbers, best first; fewer where fewer are eligible.",
    "call_id": "The idempotency key of a pick: asked again, the same answer, counted once.",
    "OutcomeReport.call_id": "As it was given to the pick; else name both numbers.",
    "min_match": "Go no further down than this level; empty for no bound.",
    "PickRequest.tags": "Only numbers that bear all of these.",
    "exclude": "Never these numbers.",
    "dry_run": "Decide, but record nothing, and do not ask CCC.",
    "explain": "Say of every candidate why it was or was not taken.",
    "format": "`text` answers with the caller numbers alone, a line each, or with a refusal as one "
    "line, `Code: detail`.",
    "result": "How a sweep ended: `accepted`, `held` back for what it lost, or `failed`, say.",
    "OutcomeReport.result": "`ringing` and `in_call` renew the concurrent slot, the rest free it.",
    "sip_code": "The final SIP status, on which `[sip_actions]` may act.",
    "ring_ms": "How long it rang, in ms.",
    "talk_ms": "How long they talked, in ms.",
    "q": "Anywhere in the number, spaces and hyphens aside.",
    "NumberQuery.usage": "Only numbers of this usage.",
    "NumberQuery.active": "Only numbers that are active in CCC, or that are not.",
    "skill_group_id": "Only numbers of this skill group.",
    "NumberQuery.province": "Only numbers of this province.",
    "NumberQuery.city": "Only numbers of this city.",
    "page": "Which page, from 1.",
    "page_size": "Numbers on a page.",
    "seconds": "For how long, a year at most. Give this or `until`.",
    "ParkRequest.until": "Until when (RFC 3339), within a year. Give this or `seconds`.",
    "ParkRequest.reason": "Why, in words for other people.",
    "accept_shrink": "Believe a loss of numbers that would be held back.",
    "numbers": "The numbers to add, 1000 at most, each once.",
    "InventoryState.numbers": "How many numbers there are.",
    "usage": "For which direction of calls; a 400 number is for `Inbound` alone.",
    "contact_flow_id": "The contact flow that incoming calls start.",
    "number_group_id": "The number group to add to.",
    # What is answered.
    "request_id": "The request's own `X-Request-Id`, or a new one; the log has it.",
    "source": "Who decided: `redis`, `memory` (embedded), `degraded` (Redis out of reach, decided "
    "in this process) or `ccc` (Alibaba's own pick).",
    "data": "The list.",
    "ExplainedReply.data": "Whom to show, best first.",
    "explanation": "Every candidate that was looked at, in order.",
    "caller": "The number to show.",
    "callee": "Whom it is shown to.",
    "match": "How near: `agent`, `sticky`, `city`, `area_code`, `province`, `any`, or `ccc`.",
    "number": "The number, in canonical form.",
    "Placed.number": "The number, masked.",
    "province": "In Chinese, empty where it is not known.",
    "city": "In Chinese, empty where it is not known.",
    "turn": "When it was last taken, as a count; the least comes next.",
    "used_hour": "Picks of it in this hour.",
    "used_day": "Picks of it today.",
    "max_per_hour": "Its cap for an hour, 0 for none.",
    "max_per_day": "Its cap for a day, 0 for none.",
    "reason": "Why it is out.",
    "Candidate.reason": "Why it was rejected, empty if it was taken.",
    "ParkReply.reason": "The operator's words.",
    "area_code": "Of a landline.",
    "active": "Whether CCC says so.",
    "agent_id": "The agent whose own number it is, empty for none.",
    "tags": "CCC's tags.",
    "provider": "The carrier that provides it.",
    "available": "Whether it may be picked now.",
    "parked": "What keeps it out, all of it.",
    "ParkReply.parked": "What keeps it out now.",
    "until": "Until when (RFC 3339); null for as long as CCC has it so.",
    "health": "Why it is or was out of good health, empty if it never was.",
    "trunks": "How many calls it carries at once; null where CCC has not told.",
    "test_only": "Whether it is a test number.",
    "remaining_time": "What is left to a test number, in minutes.",
    "allow_outbound": "Whether it may call.",
    "total": "How many there are.",
    "standing": "Whether the ledger could be asked; while not, what it knows is null.",
    "added": "Added.",
    "failed": "Not added: CCC says no more.",
    "in_use": "Not added: in use elsewhere.",
    "in_arrears": "Not added: in arrears.",
    "pending": "Added, and not in the inventory yet; the next sweep that sees them lets them in.",
    "unknown": "CCC's answer was lost, and it does not list them yet.",
    "not_added": "Refused whole, or never sent.",
    "generation": "Counts the accepted inventories.",
    "candidates": "Numbers that may be picked, limits aside.",
    "age_seconds": "Since the last sweep that confirmed it.",
    "stale": "Whether it has gone unconfirmed for too long.",
    "last_sweep": "How the last sweep went.",
    "at": "Unix time.",
    "duration": "Seconds.",
    "LastSweep.total": "How many numbers CCC told.",
    "LastSweep.added": "New numbers.",
    "removed": "Numbers gone.",
    "held": "Numbers absent from the sweep that stay for now.",
    "detail": "What to do about it, for people.",
    "LastSweep.detail": "Why it failed or was held back.",
    "ready": "Whether requests should come here.",
    "components": "By name.",
    "inventory": "By instance id.",
    "redis": "`down` is shown and stays ready.",
    "draining": "Whether the process is about to end.",
    # Problems.
    "type": "Always `about:blank`: `code` tells problems apart.",
    "title": "The status in words.",
    "status": "Of HTTP.",
    "code": "Which problem.",
    "field": "The field that is wrong.",
    "reasons": "How many numbers were out for each reason.",
    "opens_at": "When calling begins again (RFC 3339).",
    "index": "Its place in the request, from 0.",
}

# Of these fields one or the other has to be there.
EITHER = {
    "PickRequest": (("skill_group_ids",), ("agent_id",)),
    "OutcomeReport": (("call_id",), ("caller_number", "called_number")),
    "ParkRequest": (("seconds",), ("until",)),
}

INTRODUCTION = """\
Which of our numbers shall this callee see? A dialer asks `POST /v1/pick` before each call and tells
`POST /v1/outcomes` afterwards.

JSON is UTF-8, and read strictly: an unknown field, a key given twice or a number in a string is
refused. A body has 64 KiB at most and is not compressed. In a form or a query, a list is repeated
or has commas, a switch is `true` or `false`, and a field left blank counts as not given.

What goes wrong is a problem document (RFC 9457) whose `code` says which; `Retry-After` stands where
waiting helps. With `?format=text` it is one line of text instead, `Code: detail`. No error shows a
phone number: `138****8888`.

Every answer carries `X-Request-Id`, the request's own if it sent a sane one.

The RPC door at `/` is not described here: its clients are Alibaba Cloud's SDKs.
"""

TAGS = {
    "picks": "Ask for a number, and tell how the call went on.",
    "numbers": "The cached inventory, an operator's park, and new numbers.",
    "operations": "For orchestrators and Prometheus.",
}

BEARER = """\
A token of `[auth] clients`. Its scopes: `pick` for picks and outcomes, `admin` for numbers and
inventory, `metrics` for the metrics. It may be bound to instances.
"""
