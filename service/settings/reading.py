"""Turn tables of plain values into the shapes of `model`, and keeps every fault it meets.

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
from service.settings.faults import Fault, KeyPath, kind_of, shown, shown_at
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
    """Read the whole configuration; what is at fault keeps its default.

    Args:
        table: the file's tables, the environment already laid over them.
        faults: takes every fault that is given.
    """
    common = {key: value for key, value in table.items() if key != "instances"}
    settings: Settings = _table(Settings, common, (), faults)
    tables = table.get("instances", [])
    if not isinstance(tables, list):
        _fault(faults, ("instances",), kind_of(tables), "a list of tables")
        return settings
    instances = _all_or_none(
        _instance(given, ("instances", at), faults, settings.selection)
        for at, given in enumerate(tables)
    )
    if instances is _FAULTY:
        return settings
    return msgspec.structs.replace(settings, instances=instances)


def inner_kind(kind: Any) -> Any:
    """Strip `Annotated` and `| None` from a field's type."""
    if get_origin(kind) is Annotated:
        return inner_kind(get_args(kind)[0])
    if get_origin(kind) is Union:
        return inner_kind(next(part for part in get_args(kind) if part is not NoneType))
    return kind


def is_struct(kind: Any) -> bool:
    """Return whether a field's type is a table of its own."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def _instance(given: Any, path: KeyPath, faults: list[Fault], common: Selection) -> Any:
    """Read one instance; keys of `[selection]` beside its own override the common ones."""
    if not isinstance(given, dict):
        return _fault(faults, path, kind_of(given), "a table")
    _refuse_unknown(given, (*_OWN_KEYS, *Selection.__struct_fields__), path, faults)
    own = {key: given[key] for key in _OWN_KEYS if key in given}
    overrides = {key: given[key] for key in Selection.__struct_fields__ if key in given}
    instance = _table(InstanceSettings, own, path, faults)
    selection = _table(Selection, overrides, path, faults, common) if overrides else None
    if instance is _FAULTY:
        return instance
    return msgspec.structs.replace(instance, selection=selection)


def _table(
    kind: Any, given: Any, path: KeyPath, faults: list[Fault], base: Struct | None = None
) -> Any:
    """Read a table into a Struct; keys that it lacks come from `base`, else from the defaults."""
    if not isinstance(given, dict):
        return _fault(faults, path, kind_of(given), "a table")
    fields = msgspec.structs.fields(kind)
    _refuse_unknown(given, [field.name for field in fields], path, faults)
    values = {field.name: _field(field, given, path, faults, base) for field in fields}
    if any(value is NODEFAULT for value in values.values()):
        return _FAULTY
    return kind(**values)


def _field(
    field: FieldInfo, given: dict[str, Any], path: KeyPath, faults: list[Fault], base: Struct | None
) -> Any:
    """Read one key of a table; NODEFAULT where it must be given and is not, or is faulty."""
    default, at = _default(field, base), (*path, field.name)
    if field.name in given:
        value = _value(field.type, given[field.name], at, faults, default)
        return default if value is _FAULTY else value
    if default is NODEFAULT:
        faults.append(Fault(at, "nothing", _expected(field.type)))
    return default


def _default(field: FieldInfo, base: Struct | None) -> Any:
    if base is not None:
        return getattr(base, field.name)
    return field.default if field.default_factory is NODEFAULT else field.default_factory()


def _value(kind: Any, given: Any, path: KeyPath, faults: list[Fault], default: Any = None) -> Any:
    """Read a value by its type: a table, a list, a table of free keys, or a scalar."""
    inner = inner_kind(kind)
    if is_struct(inner):
        return _table(inner, given, path, faults, default if is_struct(type(default)) else None)
    if get_origin(inner) is tuple:
        return _list(kind, given, path, faults)
    if get_origin(inner) is Mapping:
        return _mapping(kind, given, path, faults)
    return _scalar(kind, given, path, faults)


def _list(kind: Any, given: Any, path: KeyPath, faults: list[Fault]) -> Any:
    if not isinstance(given, list) or (not given and _described(kind)):
        return _fault(faults, path, kind_of(given), _expected(kind))
    kind_of_item = get_args(inner_kind(kind))[0]
    return _all_or_none(
        _value(kind_of_item, item, (*path, at), faults) for at, item in enumerate(given)
    )


def _mapping(kind: Any, given: Any, path: KeyPath, faults: list[Fault]) -> Any:
    if not isinstance(given, dict):
        return _fault(faults, path, kind_of(given), "a table")
    key_kind, item_kind = get_args(inner_kind(kind))
    read = {}
    for name, item in given.items():
        try:
            key = msgspec.convert(name, key_kind, strict=False)
        except msgspec.ValidationError:
            _fault(faults, (*path, name), shown(name), _expected(key_kind))
            continue
        value = _value(item_kind, item, (*path, name), faults)
        if value is not _FAULTY:
            read[key] = value
    return read


def _scalar(kind: Any, given: Any, path: KeyPath, faults: list[Fault]) -> Any:
    try:
        return msgspec.convert(given, kind, dec_hook=_secret)
    except msgspec.ValidationError:
        return _fault(faults, path, shown_at(path, given, inner_kind(kind)), _expected(kind))


def _secret(kind: type, given: Any) -> Any:
    """Make the one type that msgspec does not know; blanks around it were copied along."""
    if not isinstance(given, str):
        raise msgspec.ValidationError
    return kind(given.strip())


def _refuse_unknown(
    given: dict[str, Any], allowed: Iterable[str], path: KeyPath, faults: list[Fault]
) -> None:
    allowed = list(allowed)
    for key in given:
        if key not in allowed:
            near = get_close_matches(key, allowed, n=1)
            expected = f"{near[0]} perhaps" if near else f"one of {', '.join(allowed)}"
            faults.append(Fault((*path, key), "an unknown key", expected))


def _expected(kind: Any) -> str:
    """Word a type, by its own description where it has one."""
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
    described = (meta.description for meta in get_args(kind)[1:] if isinstance(meta, Meta))
    return next(described, None) or ""


def _fault(faults: list[Fault], path: KeyPath, found: str, expected: str) -> Any:
    """Add a fault; of what stands in a table's place the kind alone, as it may hold a secret."""
    faults.append(Fault(path, found, expected))
    return _FAULTY


def _all_or_none(read: Iterable[Any]) -> Any:
    """A list without its faulty entries would shift the others' places in later faults."""
    values = tuple(read)
    return _FAULTY if any(value is _FAULTY for value in values) else values
