"""What the command line of `callerid` prints of itself: its version, and completion for a shell."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Version(argparse.Action):
    """Shows the version of what is installed; looked up only if asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it and exit."""
        from importlib import metadata  # noqa: PLC0415 - nothing else needs it

        print(f"callerid {metadata.version('callerid')}")
        parser.exit()


class Completion(argparse.Action):
    """Prints what a shell is to read to complete our command lines; `const` makes the parser."""

    def __call__(
        self, asked: argparse.ArgumentParser, _: argparse.Namespace, shell: Any, *__: Any
    ) -> None:
        """Print it and exit."""
        import shtab  # noqa: PLC0415 - nothing else needs it

        full = self.const()
        for action in _actions(full):
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # as shtab has it
        print(shtab.complete(full, shell), flush=True)
        asked.exit()


def _actions(full: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All options of all commands."""
    for action in full._actions:  # noqa: SLF001 - argparse shows them nowhere else
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for command in action.choices.values():
                yield from _actions(command)
