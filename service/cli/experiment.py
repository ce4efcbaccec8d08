"""`callerid experiment`: what the holdout of a running service says so far, in words."""

from argparse import Namespace
from collections.abc import Mapping

import msgspec

from service.cli.client import queried, show
from service.cli.terminal import printable

_STATES = {
    "off": "nobody is held out; [experiment] in the configuration begins one",
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
    """Ask, and print what is known; returns what `show` does."""
    path = queried("/v1/experiment", arguments)
    return show(arguments, path, ExperimentShown, worded)


def worded(experiment: ExperimentShown) -> str:
    """Put an experiment into words, a line for each thing that there is to say."""
    state = _STATES.get(experiment.state, printable(experiment.state))
    lines = [f"{printable(experiment.name) or 'experiment'}: {state}"]
    if experiment.state == "off":
        return lines[0]
    for arm, counted in experiment.arms.items():
        share = f", {counted.answered / counted.calls:.1%}" if counted.calls else ""
        lines.append(f"{printable(arm)}: {counted.answered} of {counted.calls} answered{share}")
    if experiment.difference is None or experiment.interval is None:
        return "\n".join([*lines, "That is too few calls to tell."])
    low, high = (f"{100 * end:+.1f}" for end in experiment.interval)
    lines.append(f"difference: {100 * experiment.difference:+.1f} points, from {low} to {high}")
    return "\n".join([*lines, _VERDICTS.get(experiment.verdict, "")])
