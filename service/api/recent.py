"""The last picks of this process, as the page for people shows them.

A pick leaves references behind and nothing else; what is made of them, numbers masked, is made when
somebody looks.
"""

from collections import deque
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from service.logs import mask
from service.picking import Candidate, PickAnswer, PickRequest, PlacedNumber

KEPT = 200


# Unix time, request id, instance, what was asked and answered, and the code of a refusal, else "".
LastPick = tuple[float, str, str, PickRequest, PickAnswer, str]
LastPicks = deque[LastPick]


def shown(pick: LastPick) -> dict[str, Any]:
    """A pick for a person."""
    at, request_id, instance_id, request, answer, code = pick
    return {
        "at": datetime.fromtimestamp(at, UTC),
        "request_id": request_id,
        "instance_id": instance_id,
        "called_number": mask(request.called_number),
        "skill_group_ids": request.skill_group_ids,
        "agent_id": request.agent_id,
        "dry_run": request.dry_run,
        "rejected": dict(answer.rejected),
        "code": code,
        "source": answer.source,
        "data": [
            {"caller": _masked(pair.caller), "callee": _masked(pair.callee), "match": pair.match}
            for pair in answer.data
        ],
        "explanation": [_masked(candidate) for candidate in answer.explanation or ()],
    }


def _masked(shown: PlacedNumber | Candidate) -> PlacedNumber | Candidate:
    return replace(shown, number=mask(shown.number))
