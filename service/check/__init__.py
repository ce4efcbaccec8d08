"""`callerid check`: does what the service would do at its start, and says what it found.

It changes nothing, at CCC or in Redis.
"""

import sys
from argparse import Namespace

import msgspec

from service.check.report import report_on
from service.check.show import shown
from service.errors import SettingsError
from service.settings import Settings
from service.terminal import Progress, has_colour


async def check(settings: Settings, arguments: Namespace) -> int:
    """Try Redis and each instance's CCC, and print what was found.

    Args:
        settings: the configuration.
        arguments: `sweep` reads the whole inventories, `json` prints one object.

    Returns:
        0 if all is well, 1 if something would keep picks from the shared ledger or an inventory
        from being swept.

    Raises:
        SettingsError: no instance is configured, or Redis has no address that can be asked.
    """
    if not settings.instances:
        raise SettingsError(["instances: found none, expected at least one [[instances]]"])
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
