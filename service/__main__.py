"""`callerid`, or `python -m service`: does what a command line asks for.

Exit 0 is fine, 1 says that it failed, 2 that the command line or the configuration is wrong.
"""

import codecs
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from service.cli.parser import DEFAULT_URL, parser
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
    _make_printable()
    try:
        arguments = parser(words).parse_args(words)
        return _COMMANDS[arguments.command](arguments) or _flushed(sys.stdout)
    except SettingsError as error:
        _complain(*error.faults)
        return 2
    except BrokenPipeError:  # whoever reads has enough
        return 1
    except (CallerIdError, OSError) as error:
        _complain(f"callerid: {error}")
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        _flushed(sys.stdout)
        _flushed(sys.stderr)


def _make_printable() -> None:
    """Have output that is closed go nowhere, and escape what its encoding lacks as JSON does."""
    codecs.register_error("as-json", _escaped)
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # the next file or socket to be opened would be taken for it
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if (stream := getattr(sys, name)) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="as-json")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Escape what an encoding lacks as JSON does, so that JSON is JSON in any locale."""
    import json  # noqa: PLC0415 - hardly anybody needs it

    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _complain(*lines: str) -> None:
    with suppress(OSError):  # the exit status says it too
        for line in lines:
            print(line, file=sys.stderr)


def _flushed(stream: TextIO) -> int:
    """Write what is left: 1 where that fails, as Python would at its end, with a traceback."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 1
    return 0


def _settings(arguments: Namespace) -> "Settings":
    from service.settings.loading import load  # noqa: PLC0415 - see above

    environ = dict(os.environ)
    named = environ.get("CALLERID_CONFIG", "")
    for key in ("host", "port", "workers"):
        if (value := getattr(arguments, key, None)) is not None:
            environ[f"CALLERID_SERVER__{key.upper()}"] = str(value)
    file = arguments.config or (Path(named) if named else None)
    settings = load(file, environ)
    if not settings.instances:
        where = f"{file or 'defaults'}: instances"
        fault = f"{where}: found none, expected at least one [[instances]]"
        if file is None:
            fault += " in a file: --config or CALLERID_CONFIG names it, callerid demo needs none"
        raise SettingsError([fault])
    return settings


def _serve(arguments: Namespace) -> int:
    from msgspec.structs import replace  # noqa: PLC0415 - see above

    from service import logs  # noqa: PLC0415 - see above
    from service.cli.workers import joined, reserved  # noqa: PLC0415 - see above

    if arguments.worker:
        with joined(arguments.worker) as parent:
            logs.configure()
            settings = _settings(arguments)
            # The port that the first process holds, whatever the configuration says by now.
            server = replace(settings.server, port=arguments.bound)
            return _serve_here(arguments, replace(settings, server=server), parent)
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

    words = ["serve", *_passed_on(arguments), "--bound", str(port)]
    return asyncio.run(Workers(words, count, Random()).run())  # noqa: S311 - it guards nothing


def _passed_on(arguments: Namespace) -> list[str]:
    options = {
        "--config": arguments.config,
        "--host": arguments.host,
        "--port": arguments.port,
        "--workers": arguments.workers,
    }
    return [
        word for name, value in options.items() if value is not None for word in (name, str(value))
    ]


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

    from service import logs  # noqa: PLC0415 - see above
    from service.cli.check import check  # noqa: PLC0415 - see above

    logs.configure("CRITICAL")  # all that libraries have to say stands in a finding
    return asyncio.run(check(_settings(arguments), arguments))


def _library(_: Namespace) -> None:
    from service.ledger.shared.script import Script  # noqa: PLC0415 - see above

    print(Script().library, end="")


def _ask(arguments: Namespace) -> int:
    """Ask a running service, by the module that a command is named after."""
    module = import_module(f"service.cli.{arguments.command}")
    arguments.token = (arguments.token or os.environ.get("CALLERID_TOKEN", "")).strip()
    arguments.url = arguments.url or os.environ.get("CALLERID_URL") or DEFAULT_URL
    return int(module.ask(arguments))


_COMMANDS: dict[str, Callable[[Namespace], int | None]] = {
    "serve": _serve,
    "demo": _demo,
    "emulator": _emulator,
    "check": _check,
    "library": _library,
    "pick": _ask,
    "plan": _ask,
    "stop": _ask,
    "report": _ask,
    "experiment": _ask,
}


if __name__ == "__main__":
    sys.exit(main())
