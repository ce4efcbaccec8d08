"""The options of the commands that do their work themselves, and ask no running service."""

import argparse
from pathlib import Path


def serve_options(options: argparse.ArgumentParser) -> None:
    """Add the options of the service."""
    _config(options)
    options.add_argument("--host", help="where to listen, before the configuration's")
    options.add_argument("--port", type=int, help="where to listen, before the configuration's")
    options.add_argument("--workers", type=int, help="processes sharing the port")
    options.add_argument("--worker", default="", help=argparse.SUPPRESS)
    options.add_argument("--bound", type=int, help=argparse.SUPPRESS)


def demo_options(options: argparse.ArgumentParser) -> None:
    """Add the options of the service with a look-alike of CCC."""
    from service.emulator.command import port  # noqa: PLC0415 - see `parser`

    options.add_argument("--port", type=port, default=8080, help="of the service (%(default)s)")
    options.add_argument(
        "--emulator-port", type=port, default=8081, help="of the CCC look-alike (%(default)s)"
    )


def emulator_options(options: argparse.ArgumentParser) -> None:
    """Add the options of the look-alike alone."""
    from service.emulator.command import add_arguments  # noqa: PLC0415 - see `parser`

    add_arguments(options)


def check_options(options: argparse.ArgumentParser) -> None:
    """Add the options of a look at the configuration."""
    _config(options)
    options.add_argument("--sweep", action="store_true", help="read the whole inventories too")
    options.add_argument("--json", action="store_true", help="print one JSON object")


def _config(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--config", type=Path, metavar="FILE", help="a TOML file, or CALLERID_CONFIG names it"
    )
