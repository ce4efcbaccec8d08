"""The command line.

Exit 0 is fine, 1 says that it failed, 2 that the command line or the configuration is wrong.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import uvloop

from service import logs
from service.errors import CallerIdError, SettingsError
from service.settings import Settings, load

DEFAULT_URL = "http://127.0.0.1:8080"


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after `callerid`; None for those of this process.
    """
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.command(arguments) or 0)
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except (CallerIdError, OSError) as error:
        print(f"callerid: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    # The emulator and the service are imported by the command that needs them: a pick from the
    # command line should not wait for all of it, and a worker's metrics read its environment.
    from service.ccc.emulator.command import add_arguments  # noqa: PLC0415 - see above

    top = argparse.ArgumentParser(prog="callerid", description=__import__("service").__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    serving = commands.add_parser("serve", help="run the service")
    _add_config(serving)
    serving.add_argument("--host", help="where to listen, before the configuration's")
    serving.add_argument("--port", type=int, help="where to listen, before the configuration's")
    serving.add_argument("--workers", type=int, help="processes sharing the port")
    serving.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    serving.set_defaults(command=_serve)

    demo = commands.add_parser("demo", help="run the service and a CCC look-alike, to try it")
    demo.add_argument("--port", type=int, default=8080, help="of the service (%(default)s)")
    demo.add_argument("--emulator-port", type=int, default=8081, help="(%(default)s)")
    demo.set_defaults(command=_demo)

    emulator = commands.add_parser("emulator", help="run the CCC look-alike alone")
    add_arguments(emulator)
    emulator.set_defaults(command=_emulator)

    check = commands.add_parser("check", help="try the configuration, Redis and CCC")
    _add_config(check)
    check.set_defaults(command=_check)

    pick = commands.add_parser("pick", help="ask a running service for a caller number")
    pick.add_argument("called", help="the called number, as dialled")
    pick.add_argument("--skill-group", action="append", default=[], metavar="ID")
    pick.add_argument("--agent", default="", metavar="ID")
    pick.add_argument("--instance", default="", metavar="ID")
    pick.add_argument("--count", type=int, default=1, metavar="N")
    pick.add_argument("--dry-run", action="store_true", help="decide, but record nothing")
    pick.add_argument("--json", action="store_true", help="print the answer as it came")
    pick.add_argument("--url", default=DEFAULT_URL, help="of the service (%(default)s)")
    pick.add_argument("--token", default="", help="or CALLERID_TOKEN in the environment")
    pick.set_defaults(command=_pick)
    return top


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config", type=Path, metavar="FILE", help="a TOML file, or CALLERID_CONFIG names it"
    )


def _settings(arguments: argparse.Namespace) -> Settings:
    environ = dict(os.environ)
    named = environ.pop("CALLERID_CONFIG", "")
    environ.pop("CALLERID_TOKEN", "")
    for key in ("host", "port", "workers"):
        if (value := getattr(arguments, key, None)) is not None:
            environ[f"CALLERID_SERVER__{key.upper()}"] = str(value)
    return load(arguments.config or (Path(named) if named else None), environ)


def _serve(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    if settings.server.workers > 1 and not arguments.worker:
        from service.workers import Workers  # noqa: PLC0415 - see `parser`

        logs.configure()
        return Workers(["serve", "--worker", *_passed_on(arguments)], settings.server.workers).run()
    from service.app import serve  # noqa: PLC0415 - see `parser`

    logs.configure()
    uvloop.run(serve(settings, share_port=arguments.worker, read=lambda: _settings(arguments)))
    return 0


def _passed_on(arguments: argparse.Namespace) -> list[str]:
    options = {
        "--config": arguments.config,
        "--host": arguments.host,
        "--port": arguments.port,
        "--workers": arguments.workers,
    }
    return [word for name, value in options.items() if value for word in (name, str(value))]


def _demo(arguments: argparse.Namespace) -> None:
    from service import demo  # noqa: PLC0415 - see `parser`

    logs.configure("WARNING")
    uvloop.run(demo.run(arguments))


def _emulator(arguments: argparse.Namespace) -> None:
    from service.ccc.emulator.command import serve  # noqa: PLC0415 - see `parser`

    uvloop.run(serve(arguments))


def _check(arguments: argparse.Namespace) -> int:
    from service.check import check  # noqa: PLC0415 - see `parser`

    return asyncio.run(check(_settings(arguments)))


def _pick(arguments: argparse.Namespace) -> int:
    from service.ask import ask  # noqa: PLC0415 - see `parser`

    arguments.token = arguments.token or os.environ.get("CALLERID_TOKEN", "")
    return asyncio.run(ask(arguments))


if __name__ == "__main__":
    sys.exit(main())
