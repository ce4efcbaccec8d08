"""Read the environment: the variables that set keys, and the files that some of them name.

`CALLERID_REDIS__URL` is `redis.url`: section, two underscores, key; a list or a table of free keys
has its name alone. Whatever else begins like ours was meant to set something, and is refused.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from service.files import read_text
from service.settings import Settings
from service.settings.faults import Fault
from service.settings.reading import inner_kind, is_struct

PREFIX = "CALLERID_"
_FILE = "_FILE"
_WHOLE = ("numbers", "instances", "sip_actions")
_OF_THE_COMMAND_LINE = frozenset({"CALLERID_CONFIG", "CALLERID_TOKEN", "CALLERID_URL"})
# Kubernetes tells each pod of all services: of those named callerid, callerid-redis and the like.
_OF_A_SERVICE = re.compile(
    r"CALLERID_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_\w+)?)"
)
_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://.+")


class Override(Struct, frozen=True):
    """One variable: its name, the path that it sets, its text; None where that is at fault."""

    name: str
    path: tuple[str, ...]
    text: str | None


def read_environment(environ: Mapping[str, str], faults: list[Fault]) -> list[Override]:
    """Find the variables that set a key, those that name a file included.

    Args:
        environ: the environment.
        faults: takes what is wrong with them.
    """
    by_path: dict[tuple[str, ...], Override] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or _is_anothers(name, environ[name]):
            continue
        path = tuple(name.removeprefix(PREFIX).removesuffix(_FILE).lower().split("__"))
        if path in by_path:
            faults.append(Fault(path, f"{name} beside it", "one of the two"))
        else:
            text = _text(name, environ[name].strip(), path, faults)
            by_path[path] = Override(name, path, text)
    return list(by_path.values())


def _is_anothers(name: str, value: str) -> bool:
    if name in _OF_THE_COMMAND_LINE:
        return True
    if "__" in name:
        return False
    is_address = name.endswith("_PORT") and _ADDRESS.fullmatch(value)
    return bool(is_address or _OF_A_SERVICE.fullmatch(name))


def _text(name: str, value: str, path: tuple[str, ...], faults: list[Fault]) -> str | None:
    if len(path) == 1 and path[0] not in _WHOLE:
        faults.append(Fault(path, "an unknown variable", _likely(name)))
        return None
    return _contents(Path(value), path, faults) if name.endswith(_FILE) else value


def _contents(file: Path, path: tuple[str, ...], faults: list[Fault]) -> str | None:
    """Read a secret's file, without the blanks and line ends that editors and `echo` leave."""
    try:
        text = read_text(file).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no UTF-8"
        # Not the path: the secret itself may have been put where its file's name belongs.
        faults.append(Fault(path, why, "a readable file"))
        return None
    if not text:
        faults.append(Fault(path, "an empty file", "one with the value in it"))
    return text or None


def _likely(name: str) -> str:
    """Word the variable that was probably meant."""
    stem = name.removesuffix(_FILE)
    names = {known.replace("__", "_"): known for known in _names(Settings, PREFIX)}
    near = get_close_matches(stem, names, n=1, cutoff=0.8)
    if not near:
        return f"{PREFIX}SECTION__KEY, with two underscores"
    return names[near[0]] + name.removeprefix(stem)


def _names(table: Any, start: str) -> Iterator[str]:
    """Yield the variable of each key of a table, and of those of the tables inside it."""
    for field in msgspec.structs.fields(table):
        name, inner = f"{start}{field.name.upper()}", inner_kind(field.type)
        if is_struct(inner):
            yield from _names(inner, f"{name}__")
        else:
            yield name
