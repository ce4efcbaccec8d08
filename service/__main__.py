"""`callerid`, or `python -m service`: does what a command line asks for.

Exit 0 is fine, 1 says that it failed, 2 that the command line or the configuration is wrong.
"""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.cli.parser import parser
from service.errors import CallerIdError, SettingsError

if TYPE_CHECKING:
    import socket

    from service.settings import Settings

# What follows imports what it needs where it needs it: `callerid pick` would wait for the whole
# service, of which it uses nothing, and a worker's metrics read the environment as they are made.


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after `callerid`; None for those of this process.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        arguments = parser(words).parse_args(words)
        status = _COMMANDS[arguments.command](arguments) or 0
        sys.stdout.flush()
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads has enough. Python would write what is left at its end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (CallerIdError, OSError) as error:
        print(f"callerid: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return status


def _settings(arguments: Namespace) -> "Settings":
    from service.settings.loading import load  # noqa: PLC0415 - see above

    environ = dict(os.environ)
    named = environ.pop("CALLERID_CONFIG", "")
    environ.pop("CALLERID_TOKEN", "")
    for key in ("host", "port", "workers"):
        if (value := getattr(arguments, key, None)) is not None:
            environ[f"CALLERID_SERVER__{key.upper()}"] = str(value)
    return load(arguments.config or (Path(named) if named else None), environ)


def _serve(arguments: Namespace) -> int:
    from service import logs  # noqa: PLC0415 - see above
    from service.cli.workers import joined, reserved  # noqa: PLC0415 - see above

    if arguments.worker:
        with joined(arguments.worker) as parent:
            logs.configure()
            return _serve_here(arguments, _settings(arguments), parent)
    settings = _settings(arguments)
    logs.configure()
    server = settings.server
    with reserved(server.host, server.port) as port:  # or say so before anything has begun
        if server.workers > 1:
            return _serve_by_workers(arguments, server.workers, port)
    return _serve_here(arguments, settings)


def _serve_here(
    arguments: Namespace, settings: "Settings", parent: "socket.socket | None" = None
) -> int:
    import uvloop  # noqa: PLC0415 - see above

    from service.cli.serve import serve  # noqa: PLC0415 - see above

    uvloop.run(serve(settings, parent=parent, read=lambda: _settings(arguments)))
    return 0


def _serve_by_workers(arguments: Namespace, count: int, port: int) -> int:
    import asyncio  # noqa: PLC0415 - see above
    from random import Random  # noqa: PLC0415 - see above

    from service.cli.workers import Workers  # noqa: PLC0415 - see above

    words = ["serve", *_passed_on(arguments), "--port", str(port)]
    return asyncio.run(Workers(words, count, Random()).run())  # noqa: S311 - it guards nothing


def _passed_on(arguments: Namespace) -> list[str]:
    options = {
        "--config": arguments.config,
        "--host": arguments.host,
        "--workers": arguments.workers,
    }
    return [word for name, value in options.items() if value for word in (name, str(value))]


def _demo(arguments: Namespace) -> None:
    from service import logs  # noqa: PLC0415 - see above
    from service.cli import demo  # noqa: PLC0415 - see above

    logs.configure("WARNING")
    _run_until_interrupted(demo.run(arguments))


def _emulator(arguments: Namespace) -> None:
    from service.emulator.command import serve  # noqa: PLC0415 - see above

    _run_until_interrupted(serve(arguments))


def _run_until_interrupted(main: Coroutine[Any, Any, None]) -> None:
    import uvloop  # noqa: PLC0415 - see above

    with suppress(KeyboardInterrupt):
        uvloop.run(main)


def _check(arguments: Namespace) -> int:
    import asyncio  # noqa: PLC0415 - see above

    from service.cli.check import check  # noqa: PLC0415 - see above

    return asyncio.run(check(_settings(arguments), arguments))


def _pick(arguments: Namespace) -> int:
    from service.cli.pick import ask  # noqa: PLC0415 - see above

    arguments.token = arguments.token or os.environ.get("CALLERID_TOKEN", "")
    return ask(arguments)


_COMMANDS: dict[str, Callable[[Namespace], int | None]] = {
    "serve": _serve,
    "demo": _demo,
    "emulator": _emulator,
    "check": _check,
    "pick": _pick,
}


if __name__ == "__main__":
    sys.exit(main())
