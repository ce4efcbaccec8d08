"""`callerid experiment`: what the holdout of a running service says so far, in words."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from service.cli.client import ProblemReply, ask_service, decoded
from service.cli.terminal import printable

_STATES = {
    "off": "nobody is held out",
    "running": "running",
    "stopped": "stopped",
    "refused": "refused: this name began under other settings; give the experiment a new one",
}
_VERDICTS = {
    "undecided": "The difference may be chance.",
    "local": "Local numbers are answered more often.",
    "any": "Numbers from anywhere are answered more often.",
}


class ArmShown(msgspec.Struct, frozen=True):
    """The calls of an arm."""

    calls: int
    answered: int


class ExperimentShown(msgspec.Struct, frozen=True):
    """The part of `/v1/experiment` that is shown."""

    name: str
    state: str
    arms: Mapping[str, ArmShown]
    difference: float | None
    interval: tuple[float, float] | None
    verdict: str


def ask(arguments: Namespace) -> int:
    """Ask, and print what is known.

    Returns:
        0 for an answer, 1 for a refusal.

    Raises:
        NoAnswer: there is no service, or it takes too long.
        SettingsError: the URL or the token is none.
    """
    asked = {"instance_id": arguments.instance} if arguments.instance else {}
    reply = ask_service(arguments, f"/v1/experiment?{urlencode(asked)}")
    if not reply.is_ok:
        print(decoded(reply.body, ProblemReply, arguments).line, file=sys.stderr)
    else:
        print(worded(decoded(reply.body, ExperimentShown, arguments)))
    return int(not reply.is_ok)


def worded(experiment: ExperimentShown) -> str:
    """Put an experiment into words, a line for each thing that there is to say."""
    state = _STATES.get(experiment.state, printable(experiment.state))
    lines = [f"{printable(experiment.name) or 'experiment'}: {state}"]
    for arm, counted in experiment.arms.items():
        share = f", {counted.answered / counted.calls:.1%}" if counted.calls else ""
        lines.append(f"{printable(arm)}: {counted.answered} of {counted.calls} answered{share}")
    if experiment.difference is None or experiment.interval is None:
        return "\n".join([*lines, "That is too few calls to tell."])
    low, high = (f"{100 * end:+.1f}" for end in experiment.interval)
    lines.append(f"difference: {100 * experiment.difference:+.1f} points, from {low} to {high}")
    return "\n".join([*lines, _VERDICTS.get(experiment.verdict, "")])
