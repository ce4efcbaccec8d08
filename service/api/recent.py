"""The last picks of this process, as the page for people shows them.

A pick leaves references behind and nothing else; what is made of them, numbers masked, is made when
somebody looks.
"""

from collections import deque
from datetime import UTC, datetime
from typing import Any

import msgspec

from service.errors import NoEligibleNumber
from service.logs import mask
from service.picking import Candidate, PickAnswer, PickRequest, PlacedNumber

KEPT = 200


class RecentRefusal(msgspec.Struct, frozen=True, gc=False):
    """The reason why a pick had no number; not the error itself, which holds its request."""

    code: str
    rejected: tuple[tuple[str, int], ...] = ()
    explanation: tuple[Candidate, ...] = ()


# Unix time, request id, instance, and what was asked and answered.
LastPick = tuple[float, str, str, PickRequest, PickAnswer | RecentRefusal]
LastPicks = deque[LastPick]


def refusal_of(error: Exception, code: str) -> RecentRefusal:
    """Reduce an error to what the console shows of it."""
    if not isinstance(error, NoEligibleNumber):
        return RecentRefusal(code)
    return RecentRefusal(code, tuple(sorted(error.reasons.items())), error.explanation)


def shown(pick: LastPick) -> dict[str, Any]:
    """A pick for a person."""
    at, request_id, instance_id, asked, answer = pick
    told = {
        "at": datetime.fromtimestamp(at, UTC),
        "request_id": request_id,
        "instance_id": instance_id,
        "called_number": mask(asked.called_number),
        "skill_group_ids": asked.skill_group_ids,
        "agent_id": asked.agent_id,
        "dry_run": asked.dry_run,
        "rejected": dict(answer.rejected),
        "code": "",
        "source": "",
        "data": (),
        "explanation": [_masked(one) for one in answer.explanation or ()],
    }
    if isinstance(answer, RecentRefusal):
        return told | {"code": answer.code}
    return told | {
        "source": answer.source,
        "data": [
            {"caller": _masked(one.caller), "callee": _masked(one.callee), "match": one.match}
            for one in answer.data
        ],
    }


def _masked(one: PlacedNumber | Candidate) -> PlacedNumber | Candidate:
    return msgspec.structs.replace(one, number=mask(one.number))
