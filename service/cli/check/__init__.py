"""`callerid check`: do what the service would do at its start, and say what was found.

It changes nothing at CCC, and in Redis no key but some of its own, which it deletes again.
"""

import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from service.cli.check.findings import Finding, InstanceReport, Report, SweptInventory
from service.cli.check.instances import ACTIONS
from service.cli.check.report import report_on
from service.cli.terminal import Progress, Style, columns, has_colour, painted, printable, table
from service.settings import Settings


async def check(settings: Settings, arguments: Namespace) -> int:
    """Try Redis and each instance's CCC, and print what was found.

    Args:
        settings: the configuration.
        arguments: `sweep` reads the whole inventories, `json` prints one object.

    Returns:
        0 if all is well, 1 if something would keep picks from the shared ledger or an inventory
        from being swept.

    Raises:
        SettingsError: Redis has no address that can be asked.
    """
    progress = Progress(sys.stderr)
    try:
        report = await report_on(settings, progress, sweeps=arguments.sweep)
    finally:
        progress.clear()
    if arguments.json:
        print(msgspec.json.encode(report).decode())
    else:
        print(shown(report, tables=sys.stdout.isatty(), colour=has_colour(sys.stdout)))
    return 0 if report.fine else 1


_STYLES: Mapping[str, Style] = {
    "fine": "green",
    "allowed": "green",
    "warning": "yellow",
    "unknown": "yellow",
    "failed": "red",
    "denied": "red",
}
_STATE_COLUMNS = max(map(columns, ("fine", "warning", "failed")))


def shown(report: Report, *, tables: bool, colour: bool) -> str:
    """A report as text: what is to be done about it stands last, where a person looks first.

    Args:
        report: what was found.
        tables: whether a table stands for what is fine of each instance.
        colour: whether to use any.
    """
    parts = [
        group_table(instance.id, instance.sweep, colour=colour)
        for instance in report.instances
        if instance.sweep and instance.sweep.skill_groups
    ]
    ids: set[str] = set()
    if tables:
        parts.append(instance_table(report.instances, colour=colour))
        ids = {instance.id for instance in report.instances}
    findings = [
        line(finding, colour=colour)
        for finding in report.findings
        if finding.state != "fine" or finding.about not in ids
    ]
    return "\n\n".join([*parts, "\n".join(findings)])


def line(finding: Finding, *, colour: bool) -> str:
    """One finding: how it is, of what, and what."""
    state = painted(finding.state, _STYLES[finding.state], colour=colour)
    gap = " " * (_STATE_COLUMNS - len(finding.state))
    return f"{state}{gap}  {printable(finding.about)}: {printable(finding.text)}"


def instance_table(instances: Iterable[InstanceReport], *, colour: bool) -> str:
    """The instances with how many numbers they have and which actions RAM allows them."""
    rows = [("instance", "numbers", *ACTIONS)]
    rows += [
        (
            instance.id,
            "-" if instance.numbers is None else str(instance.numbers),
            *(getattr(instance.permissions.get(action), "access", "-") for action in ACTIONS),
        )
        for instance in instances
    ]
    return table(rows, colour=colour, styles=_STYLES)


def group_table(instance_id: str, swept: SweptInventory, *, colour: bool) -> str:
    """The skill groups of an instance with how many numbers a pick can choose from."""
    rows: Sequence[tuple[str, str]] = [
        (f"skill group of {instance_id}", "numbers to pick from"),
        *((group, str(count)) for group, count in swept.skill_groups.items()),
    ]
    return table(rows, colour=colour)
