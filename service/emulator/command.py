"""The command line of `callerid emulator`: its options, one switch per fault, and its main loop.

Also what the demo takes from it: an emulator over the sample inventory with the demo's key pair.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec

from service.emulator import Emulator, running
from service.emulator.actions import Locate
from service.emulator.faults import Faults
from service.emulator.sample import load_inventory
from service.errors import InvalidCalledNumber, SettingsError
from service.locality import Locator, prefix_table

# Fake, and printed for everybody: they open nothing but this emulator.
DEMO_KEY_ID = "demo-key"
DEMO_KEY_SECRET = "demo-secret"  # noqa: S105 - no secret, see above

_LAST_PORT = 65535

_METAVARS: dict[type, str] = {float: "SECONDS", int: "N", str: "LIST"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the emulator's options; each fault switch is one, named as in `Faults`."""
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=port, default=8081, help="where to listen (%(default)s)")
    parser.add_argument("--inventory", type=Path, metavar="FILE", help="JSON {instance: [row, …]}")
    parser.add_argument(
        "--max-requests-per-second", type=float, metavar="N", help="throttle beyond (no limit)"
    )
    group = parser.add_argument_group("faults", "also set at run time by PUT /_faults, as JSON")
    for field in msgspec.structs.fields(Faults):
        option = "--" + field.name.replace("_", "-")
        about = field.type.__metadata__[0].description
        if isinstance(field.default, bool):
            group.add_argument(option, action="store_true", help=about)
        else:
            kind = type(field.default)
            group.add_argument(
                option, type=kind, default=kind(), metavar=_METAVARS[kind], help=about
            )


def port(text: str) -> int:
    """Read a port of a command line; uvloop would take 70000 for 4464.

    Raises:
        SettingsError: It is none.
    """
    if text.isdecimal() and int(text) <= _LAST_PORT:
        return int(text)
    raise SettingsError([f"port: found {text}, expected a port from 0 to {_LAST_PORT}"])


def faults_from(args: argparse.Namespace) -> Faults:
    """Return the fault switches that a command line sets.

    Raises:
        SettingsError: A value is out of its range.
    """
    try:
        return msgspec.convert(
            {name: getattr(args, name) for name in Faults.__struct_fields__}, Faults
        )
    except msgspec.ValidationError as error:
        raise SettingsError([f"emulator faults: {error}"]) from error


def demo_emulator(inventory: Path | None = None) -> Emulator:
    """Return an emulator of an inventory, the sample unless a file is given, with the demo's key.

    Raises:
        SettingsError: The file is no inventory.
    """
    return Emulator(
        load_inventory(inventory),
        {DEMO_KEY_ID: DEMO_KEY_SECRET},
        locate=locate_with(Locator(prefix_table.read())),
        clock=time.time,
        randomness=Random(),  # noqa: S311 - it picks numbers, it guards nothing
    )


def locate_with(locator: Locator) -> Locate:
    """Let a locator say where numbers are; what cannot be dialled is nowhere."""

    def locate(dialled: str) -> tuple[str, str]:
        try:
            locality = locator.locate(dialled).locality
        except InvalidCalledNumber:
            return "", ""
        return locality.province, locality.city

    return locate


async def serve(args: argparse.Namespace, announce: Callable[[str], object] = print) -> None:
    """Run the emulator until cancelled.

    Args:
        args: What a parser with `add_arguments` yielded.
        announce: Is told, once it listens, where, and with which key.

    Raises:
        SettingsError: The inventory or a fault switch is wrong.
        CannotListen: The address is taken or not this machine's.
    """
    emulator = demo_emulator(args.inventory)
    emulator.faults = faults_from(args)
    emulator.max_requests_per_second = args.max_requests_per_second
    async with running(emulator, args.host, args.port) as address:
        announce(
            f"CCC emulator on http://{address}, access key {DEMO_KEY_ID} / {DEMO_KEY_SECRET}, "
            f"instances {', '.join(emulator.numbers)}"
        )
        await asyncio.Event().wait()
