"""Turns tables of plain values into the shapes of `model`, and keeps every fault it meets.

Pure: it reads no file and no environment. msgspec converts the scalars; it would stop at the
first fault of a table, so the walk over tables and lists is done here.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import FieldInfo

from service.settings import InstanceSettings, Selection, Settings
from service.settings.faults import Fault, KeyPath, kind_of, shown
from service.settings.kinds import Secret

_FAULTY: Any = object()
_OWN_KEYS = ("id", "scope", "ccc")
_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Secret: "text",
    tuple: "a list",
    Mapping: "a table",
}


def read_settings(table: Mapping[str, Any], faults: list[Fault]) -> Settings:
    """Reads the whole configuration; what is at fault keeps its default.

    Args:
        table: the file's tables, the environment already laid over them.
        faults: takes every fault that is found.
    """
    common = {key: value for key, value in table.items() if key != "instances"}
    settings: Settings = _table(Settings, common, (), faults)
    found = table.get("instances", [])
    if not isinstance(found, list):
        _misplaced(faults, ("instances",), found, "a list of tables")
        return settings
    read = _all_or_none(
        _instance(each, ("instances", at), faults, settings.selection)
        for at, each in enumerate(found)
    )
    return settings if read is _FAULTY else msgspec.structs.replace(settings, instances=read)


def inner_kind(kind: Any) -> Any:
    """Strips `Annotated` and `| None` from a field's type."""
    if get_origin(kind) is Annotated:
        return inner_kind(get_args(kind)[0])
    if get_origin(kind) is Union:
        return inner_kind(next(each for each in get_args(kind) if each is not NoneType))
    return kind


def is_struct(kind: Any) -> bool:
    """Return whether a field's type is a table of its own."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def _instance(found: Any, path: KeyPath, faults: list[Fault], common: Selection) -> Any:
    """Reads one instance; keys of `[selection]` beside its own override the common ones."""
    if not isinstance(found, dict):
        return _misplaced(faults, path, found, "a table")
    _refuse_unknown(found, (*_OWN_KEYS, *Selection.__struct_fields__), path, faults)
    own = {key: found[key] for key in _OWN_KEYS if key in found}
    overrides = {key: found[key] for key in Selection.__struct_fields__ if key in found}
    instance = _table(InstanceSettings, own, path, faults)
    selection = _table(Selection, overrides, path, faults, common) if overrides else None
    if instance is _FAULTY:
        return instance
    return msgspec.structs.replace(instance, selection=selection)


def _table(
    kind: Any, found: Any, path: KeyPath, faults: list[Fault], base: Struct | None = None
) -> Any:
    """Reads a table into a Struct; keys that it lacks come from `base`, else from the defaults."""
    if not isinstance(found, dict):
        return _misplaced(faults, path, found, "a table")
    fields = msgspec.structs.fields(kind)
    _refuse_unknown(found, [field.name for field in fields], path, faults)
    values = {field.name: _field(field, found, path, faults, base) for field in fields}
    if any(value is NODEFAULT for value in values.values()):
        return _FAULTY
    return kind(**values)


def _field(
    field: FieldInfo, found: dict[str, Any], path: KeyPath, faults: list[Fault], base: Struct | None
) -> Any:
    """Reads one key of a table; NODEFAULT where it must be given and is not, or is faulty."""
    default, at = _default(field, base), (*path, field.name)
    if field.name in found:
        value = _value(field.type, found[field.name], at, faults, default)
        return default if value is _FAULTY else value
    if default is NODEFAULT:
        faults.append(Fault(at, "nothing", _expected(field.type)))
    return default


def _default(field: FieldInfo, base: Struct | None) -> Any:
    if base is not None:
        return getattr(base, field.name)
    return field.default if field.default_factory is NODEFAULT else field.default_factory()


def _value(kind: Any, found: Any, path: KeyPath, faults: list[Fault], default: Any = None) -> Any:
    """Reads a value by its type: a table, a list, a table of free keys, or a scalar."""
    inner = inner_kind(kind)
    if is_struct(inner):
        return _table(inner, found, path, faults, default if is_struct(type(default)) else None)
    if get_origin(inner) is tuple:
        return _list(kind, found, path, faults)
    if get_origin(inner) is Mapping:
        return _mapping(kind, found, path, faults)
    return _scalar(kind, found, path, faults)


def _list(kind: Any, found: Any, path: KeyPath, faults: list[Fault]) -> Any:
    if not isinstance(found, list) or (not found and _described(kind)):
        return _misplaced(faults, path, found, _expected(kind))
    item = get_args(inner_kind(kind))[0]
    return _all_or_none(_value(item, each, (*path, at), faults) for at, each in enumerate(found))


def _mapping(kind: Any, found: Any, path: KeyPath, faults: list[Fault]) -> Any:
    if not isinstance(found, dict):
        return _misplaced(faults, path, found, "a table")
    key_kind, item_kind = get_args(inner_kind(kind))
    read = {}
    for name, each in found.items():
        try:
            key = msgspec.convert(name, key_kind, strict=False)
        except msgspec.ValidationError:
            _fault(faults, (*path, name), name, _expected(key_kind))
            continue
        value = _value(item_kind, each, (*path, name), faults)
        if value is not _FAULTY:
            read[key] = value
    return read


def _scalar(kind: Any, found: Any, path: KeyPath, faults: list[Fault]) -> Any:
    try:
        return msgspec.convert(found, kind, dec_hook=_secret)
    except msgspec.ValidationError:
        # A secret of the wrong type is still a secret: a password without its quotes.
        wrong = _misplaced if inner_kind(kind) is Secret else _fault
        return wrong(faults, path, found, _expected(kind))


def _secret(kind: type, found: Any) -> Any:
    """Makes the one type that msgspec does not know."""
    if not isinstance(found, str):
        raise msgspec.ValidationError
    return kind(found)


def _refuse_unknown(
    found: dict[str, Any], known: Iterable[str], path: KeyPath, faults: list[Fault]
) -> None:
    known = list(known)
    for key in found:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            expected = f"{near[0]} perhaps" if near else f"one of {', '.join(known)}"
            faults.append(Fault((*path, key), "an unknown key", expected))


def _expected(kind: Any) -> str:
    """Words a type, by its own description where it has one."""
    inner = inner_kind(kind)
    if described := _described(kind):
        return described
    if get_origin(inner) is Literal:
        return f"one of {', '.join(get_args(inner))}"
    return _WORDS.get(get_origin(inner) or inner, "a table")


def _described(kind: Any) -> str:
    """The description that a range was declared with; a described list may not be empty."""
    if get_origin(kind) is Union:
        kind = get_args(kind)[0]
    described = (each.description for each in get_args(kind)[1:] if isinstance(each, Meta))
    return next(described, None) or ""


def _fault(faults: list[Fault], path: KeyPath, found: Any, expected: str) -> Any:
    faults.append(Fault(path, shown(found), expected))
    return _FAULTY


def _misplaced(faults: list[Fault], path: KeyPath, found: Any, expected: str) -> Any:
    """Names the kind alone: what stands where a table or a secret belongs may hold a secret."""
    faults.append(Fault(path, kind_of(found), expected))
    return _FAULTY


def _all_or_none(read: Iterable[Any]) -> Any:
    """A list without its faulty entries would shift the others' places in later faults."""
    values = tuple(read)
    return _FAULTY if any(value is _FAULTY for value in values) else values
