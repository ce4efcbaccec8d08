"""The configuration: what is read, what is refused, and in which words."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest

from service.errors import SettingsError
from service.settings import (
    CalleeRuleSettings,
    InstanceSettings,
    Selection,
    Server,
    Settings,
)
from service.settings.kinds import parse_calling_window
from service.settings.loading import load
from service.settings.reading import inner_kind, is_struct

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "callerid.toml"


def read(file: Path, text: str, **environ: str) -> Settings:
    file.write_text(text, "utf-8")
    return load(file, environ)


def faults(file: Path, text: str, **environ: str) -> list[str]:
    """The lines of a refusal, without the file's name."""
    with pytest.raises(SettingsError) as refused:
        read(file, text, **environ)
    return [line.removeprefix(f"{file}: ") for line in refused.value.faults]


# The files that come with the service


def uncommented(text: str) -> str:
    """The examples of a file, as its first lines say: a "#" and no space."""
    return re.sub(r"(?m)^#(?=[^ #\n])", "", text)


def keys_of(kind: Any) -> Iterator[str]:
    """Every key that a table of this kind may hold, and those of the tables inside it."""
    inner = inner_kind(kind)
    if is_struct(inner):
        for field in msgspec.structs.fields(inner):
            yield field.name
            yield from keys_of(field.type)
    elif get_origin(inner) is not None:
        for item in get_args(inner):
            yield from keys_of(item)


def keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_in(inner)
    elif isinstance(value, list):
        for each in value:
            yield from keys_in(each)


def test_the_default_file_says_what_is_built_in() -> None:
    assert load(CONFIG / "default.toml", {}) == load(None, {}) == Settings()


def test_the_default_file_with_its_examples_has_every_key_and_no_other() -> None:
    text = (CONFIG / "default.toml").read_text("utf-8")
    found = set(keys_in(tomllib.loads(uncommented(text))))
    named = {key for key in found if key.isascii() and not key.isdigit()}  # not codes nor places
    assert named == set(keys_of(Settings))


def test_the_examples_of_the_default_file_are_accepted(file: Path) -> None:
    text = (CONFIG / "default.toml").read_text("utf-8")
    text = text.replace('"province", "any"]', '"province", "near", "any"]')
    settings = read(file, uncommented(text))
    assert settings.selection.near == {"河北": ("北京", "天津")}
    assert settings.selection_for(settings.instances[0]).caller.max_per_day == 100
    assert [rule.kind for rule in settings.selection.callee.rules] == ["sliding", "calendar"]


EXAMPLES = re.findall(r"(?m)(?:^#[^ #\n].*\n)+", (CONFIG / "default.toml").read_text("utf-8"))
INSTANCE = next(example for example in EXAMPLES if example.startswith("#[[instances]]"))


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_each_example_of_the_default_file_may_be_uncommented_alone(
    file: Path, example: str
) -> None:
    text = (CONFIG / "default.toml").read_text("utf-8")
    # An instance is what no configuration goes without, and a place to go to needs its level.
    for chosen in {example, INSTANCE}:
        text = text.replace(chosen, uncommented(chosen))
    if "河北" in example:
        text = text.replace('"province", "any"]', '"province", "near", "any"]')
    (instance,) = read(file, text).instances
    assert instance.id == "ccc-test"


def test_the_production_file_needs_only_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("rediss://user:hunter2@redis:6380/0\n")
    (tmp_path / "clients").write_text('[{"name": "a", "token": "t", "scopes": ["pick"]}]')
    secrets = {
        "CALLERID_REDIS__URL_FILE": str(tmp_path / "redis"),
        "CALLERID_AUTH__CLIENTS_FILE": str(tmp_path / "clients"),
    }
    settings = load(CONFIG / "production.toml", secrets)
    assert settings.redis.url == "rediss://user:hunter2@redis:6380/0"
    assert settings.auth_is_required
    with pytest.raises(SettingsError) as refused:
        load(CONFIG / "production.toml", {})
    assert {fault.split(": ")[1] for fault in refused.value.faults} == {
        "server.workers",
        "auth.required",
    }


# What is read


def test_an_instance_overrides_single_keys_of_the_selection(file: Path) -> None:
    settings = read(
        file,
        """
        selection = { fallback = "refuse", caller = { max_per_day = 9, rest_seconds = 5 } }
        [[instances]]
        id = "own"
        caller = { max_per_day = 3 }
        [[instances]]
        id = "common"
        """,
    )
    own, common = settings.instances
    assert settings.selection_for(own).caller.max_per_day == 3
    assert settings.selection_for(own).caller.rest_seconds == 5
    assert settings.selection_for(own).fallback == "refuse"
    assert settings.selection_for(common) is settings.selection


def test_an_instance_without_a_scope_is_a_scope_of_its_own() -> None:
    assert InstanceSettings(id="ccc-test").scope == "ccc-test"
    assert InstanceSettings(id="ccc-test", scope="shared").scope == "shared"


def test_sip_codes_are_read_as_numbers(file: Path) -> None:
    settings = read(file, 'sip_actions.477 = { action = "rest_number", seconds = 3600 }')
    assert settings.sip_actions[477].seconds == 3600


@pytest.mark.parametrize(
    ("host", "required", "expected"),
    [
        ("127.0.0.1", "auto", False),
        ("localhost", "auto", False),
        ("::1", "auto", False),
        ("0.0.0.0", "auto", True),
        ("callerid.internal", "auto", True),
        ("0.0.0.0", "never", False),
        ("127.0.0.1", "always", True),
    ],
)
def test_who_asks_must_say_so_beyond_loopback(host: str, required: str, *, expected: bool) -> None:
    clients = '[{"name": "a", "token": "t", "scopes": ["pick"]}]'
    environ = {
        "CALLERID_SERVER__HOST": host,
        "CALLERID_AUTH__REQUIRED": required,
        "CALLERID_AUTH__CLIENTS": clients,
    }
    assert load(None, environ).auth_is_required is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", None), ("09:00-21:00", (540, 1260)), ("00:00-24:00", (0, 1440))],
)
def test_a_calling_window_is_minutes_after_midnight(
    text: str, expected: tuple[int, int] | None
) -> None:
    assert parse_calling_window(text) == expected


# The environment


def test_a_variable_goes_before_the_file(file: Path) -> None:
    settings = read(file, "server = { port = 1, workers = 1 }", CALLERID_SERVER__PORT="8090")
    assert settings.server.port == 8090


@pytest.mark.parametrize(
    ("name", "text", "path", "expected"),
    [
        ("CALLERID_SERVER__DRAIN_SECONDS", "0.5", "server.drain_seconds", 0.5),
        ("CALLERID_CONSOLE__ENABLED", "false", "console.enabled", False),
        ("CALLERID_REDIS__URL", "redis://h", "redis.url", "redis://h"),
        ("CALLERID_REDIS__PREFIX", "123", "redis.prefix", "123"),
        ("CALLERID_SELECTION__FALLBACK", "refuse", "selection.fallback", "refuse"),
        ("CALLERID_SELECTION__LEVELS", '["city", "any"]', "selection.levels", ("city", "any")),
        ("CALLERID_SELECTION__CALLER__MAX_PER_DAY", "7", "selection.caller.max_per_day", 7),
        (
            "CALLERID_SELECTION__CALLEE__RULES",
            '[{"limit": 3, "window_seconds": 300, "kind": "sliding"}]',
            "selection.callee.rules",
            (CalleeRuleSettings(3, 300, "sliding"),),
        ),
        ("CALLERID_INSTANCES", '[{"id": "a"}]', "instances", (InstanceSettings("a"),)),
    ],
)
def test_a_variable_sets_a_key_of_any_kind(
    name: str, text: str, path: str, expected: object
) -> None:
    found: Any = load(None, {name: text})
    for step in path.split("."):
        found = getattr(found, step)
    assert found == expected


def test_a_secret_is_read_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("redis://:hunter2@h\n")
    settings = load(None, {"CALLERID_REDIS__URL_FILE": str(secret)})
    assert settings.redis.url == "redis://:hunter2@h"


def test_a_secret_given_twice_is_refused(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("redis://h")
    assert faults(
        file, "", CALLERID_REDIS__URL="redis://x", CALLERID_REDIS__URL_FILE=str(secret)
    ) == [
        (
            "environment: CALLERID_REDIS__URL (redis.url): "
            "found CALLERID_REDIS__URL_FILE beside it, expected one of the two"
        )
    ]


def test_a_secrets_file_that_is_missing_is_told_without_what_may_be_the_secret(file: Path) -> None:
    assert faults(file, "", CALLERID_REDIS__URL_FILE="redis://:hunter2@h") == [
        (
            "environment: CALLERID_REDIS__URL_FILE (redis.url): "
            "found No such file or directory, expected a readable file"
        )
    ]


def test_a_variable_for_no_key_is_refused(file: Path) -> None:
    (fault,) = faults(file, "", CALLERID_SERVER__PROT="1")
    expected = "environment: CALLERID_SERVER__PROT (server.prot): found an unknown key"
    assert fault == f"{expected}, expected port perhaps"


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+86 28 5550 0005", "02855500005"),
        ("028-5550 0005", "02855500005"),
        ("28 5550 0005", "02855500005"),
        ("008613812348888", "13812348888"),
        (" 13812348888\n", "13812348888"),
        ("95013", "95013"),
        # Forms that nobody knows but CCC: as they stand.
        ("1069012345678901", "1069012345678901"),
        ("1234567890123", "1234567890123"),
        ("10193", "10193"),
        ("+85201234567", "+85201234567"),
    ],
)
def test_a_number_of_an_override_is_read_as_any_number_is(
    file: Path, written: str, number: str
) -> None:
    text = f"numbers = [{{match = {{number = {json.dumps(written)}}}, max_per_day = 1}}]"
    assert read(file, text).numbers[0].match.number == number


def test_settings_made_in_code_need_no_file() -> None:
    settings = Settings(server=Server(port=0), instances=(InstanceSettings("a"),))
    assert settings.selection_for(settings.instances[0]) == Selection()
