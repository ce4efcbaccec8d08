"""`callerid pick`: one question to a running service, for people."""

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable

import msgspec

from service.cli.client import ProblemReply, ServiceAnswer, ask_service, decoded, text_of
from service.cli.terminal import Style, has_colour, printable, table
from service.errors import InvalidField
from service.picking import Candidate, PickAnswer

_TAKEN = "taken"
_STYLES: dict[str, Style] = {_TAKEN: "green"}
# What the reasons of a refusal say to a person; others speak for themselves.
_REASONS = {
    "cooldown": "was shown to this callee a short while ago",
    "excluded": "was to be left out",
    "inactive": "CCC has it switched off",
    "inbound_only": "is for incoming calls",
    "max_concurrent": "all its slots are in calls",
    "max_per_day": "has had its calls for today",
    "max_per_hour": "has had its calls for this hour",
    "no_skill_group": "belongs to no skill group and no agent",
    "operator": "was parked by an operator",
    "parked": "is out of rotation for now; --explain says why and until when",
    "provider": "rests with all numbers of its provider",
    "quarantine": "is in quarantine: it is hardly answered",
    "region": "is kept from the callee's place",
    "rest": "rests between two uses",
    "sip_park": "was parked for a SIP code",
    "sip_rest": "rests for a SIP code",
    "toll_free": "400 numbers do not call out",
}


def ask(arguments: Namespace) -> int:
    """Ask, and print tables or, with `--json`, the answer as it came.

    Returns:
        0 for an answer with numbers, 1 for a refusal.

    Raises:
        NoAnswer: there is no service, or it takes too long.
        SettingsError: the URL or the token is none.
    """
    reply = ask_service(arguments, "/v1/pick", _question(arguments))
    print(text_of(reply.body, arguments) if arguments.json else _shown(reply, arguments))
    return int(not reply.is_ok)


def _shown(reply: ServiceAnswer, arguments: Namespace) -> str:
    colour = has_colour(sys.stdout)
    if reply.is_ok:
        return answered(decoded(reply.body, PickAnswer, arguments), colour=colour)
    return refused(decoded(reply.body, ProblemReply, arguments), reply.retry_after, colour=colour)


def _question(arguments: Namespace) -> bytes:
    question = {
        "called_number": arguments.called,
        "instance_id": arguments.instance,
        "skill_group_ids": arguments.skill_group,
        "agent_id": arguments.agent,
        "count": arguments.count,
        "dry_run": arguments.dry_run,
        "explain": arguments.explain,
    }
    try:
        return msgspec.json.encode(question)
    except UnicodeEncodeError:
        raise InvalidField("the command line", "has signs that are no text") from None


def answered(answer: PickAnswer, *, colour: bool) -> str:
    """The callers of an answer, and whom they are for."""
    rows = [("caller", "province", "city", "match")]
    rows += [
        (pair.caller.number, pair.caller.province, pair.caller.city, pair.match)
        for pair in answer.data
    ]
    parts = [table(rows, colour=colour)]
    if answer.data:
        callee = answer.data[0].callee
        place = " ".join(filter(None, (callee.province, callee.city))) or "a place not known"
        arm = f", in the arm {answer.arm} of the experiment" if answer.arm else ""
        for_whom = f"for {printable(callee.number)} of {place}, decided by {answer.source}{arm}"
        parts += ["", for_whom]
    if answer.explanation is not None:
        parts += ["", explained(answer.explanation, colour=colour)]
    return "\n".join(parts)


def refused(problem: ProblemReply, retry_after: str, *, colour: bool) -> str:
    """A refusal with its reasons, the commonest first."""
    parts = [problem.line]
    if problem.reasons:
        rows = [("numbers", "reason", "each")]
        rows += [
            (str(count), reason, _REASONS.get(reason, ""))
            for reason, count in Counter(problem.reasons).most_common()
        ]
        parts += ["", table(rows, colour=colour)]
    if problem.explanation:
        parts += ["", explained(problem.explanation, colour=colour)]
    if retry_after:
        parts.append(f"Ask again in {printable(retry_after)} s.")
    return "\n".join(parts)


def _verdict(candidate: Candidate) -> str:
    if candidate.until is None:
        return candidate.reason or _TAKEN
    return f"{candidate.reason} until {candidate.until.astimezone():%Y-%m-%d %H:%M}"


def explained(candidates: Iterable[Candidate], *, colour: bool) -> str:
    """The candidates that were looked at, in that order, and those that are parked."""
    rows = [("candidate", "match", "this hour", "today", "why")]
    rows += [
        (
            candidate.number,
            candidate.match,
            str(candidate.used_hour),
            str(candidate.used_day),
            _verdict(candidate),
        )
        for candidate in candidates
    ]
    return table(rows, colour=colour, styles=_STYLES)
