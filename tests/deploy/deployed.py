"""What a deployment gives to the service, read by the service's own command line and loader."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from deploy.make_secrets import made
from service.__main__ import _settings
from service.cli.parser import parser
from service.settings import Settings
from tests.deploy.prometheus import ROOT

SHUTDOWN_SECONDS = 5  # for requests under way, after the drain
ALIBABAS = {"ALIBABA_CLOUD_CREDENTIALS_FILE"}  # read by the library that finds its credentials
PYTHONS = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


def files_in(folder: Path, *, sentinel: bool = False) -> Mapping[str, Path]:
    """The secrets, written, by their names."""
    for name, text in made(sentinel=sentinel).items():
        (folder / name).write_text(text, "utf-8")
    return {path.name: path for path in folder.iterdir()}


def settings_of(
    command: str | Sequence[str], environ: Mapping[str, str], files: Mapping[str, Path]
) -> Settings:
    """What a command would serve with.

    Args:
        command: with its program.
        environ: its environment; nothing else is in it.
        files: where a file really is that the command or the environment names.

    Raises:
        SettingsError, SystemExit: it would not start.
    """
    program, *words = shlex.split(command) if isinstance(command, str) else command
    assert Path(program).name == "callerid"
    assert not {name for name in environ if not name.startswith("CALLERID_")} - ALIBABAS - PYTHONS
    environ = {name: str(files.get(value, value)) for name, value in environ.items()}
    words = [str(files.get(word, word)) for word in words]
    arguments = parser(words).parse_args(words)
    with patch.dict(os.environ, environ, clear=True):
        return _settings(arguments)
