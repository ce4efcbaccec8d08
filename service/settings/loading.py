"""Reads the configuration at the edge: one file, the environment, the files that it names.

All faults of a configuration are told at once, so that an operator mends it in one go.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.errors import SettingsError
from service.settings import Settings
from service.settings.environment import laid_over, overrides
from service.settings.faults import Fault, KeyPath, line
from service.settings.reading import read_settings
from service.settings.rules import contradictions


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Reads and checks the configuration.

    Args:
        path: the TOML file; None where the environment and the defaults are enough.
        environ: the environment; a variable goes before the file.

    Raises:
        SettingsError: it is wrong; one line for each fault.
    """
    faults: list[Fault] = []
    file = "defaults" if path is None else str(path)
    table = {} if path is None else _toml(path)
    found = overrides(environ, lambda name: Path(name).read_text("utf-8"), faults)
    settings = read_settings(laid_over(table, found), faults)
    # A contradiction with a key that is at fault already would be its echo.
    faults += [each for each in contradictions(settings) if not each.rests_on(faults)]
    phone_dat = settings.locality.phone_dat
    if phone_dat and not Path(phone_dat).is_file():
        faults.append(Fault(("locality", "phone_dat"), f"no file at {phone_dat}", "a phone.dat"))
    if faults:
        variables: dict[KeyPath, str] = {each.path: each.name for each in found}
        raise SettingsError([line(each, file, variables) for each in faults])
    return settings


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{path}: found bytes that are no UTF-8, expected TOML"]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path}: found no TOML: {error}"]) from None
