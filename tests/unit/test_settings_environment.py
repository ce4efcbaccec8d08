"""Whatever an environment does to a configuration: what is read, and what ends a start in words."""

import os
import socket
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import pytest

from service import files
from service.errors import SettingsError
from service.settings import Settings
from service.settings.loading import load

BOM = "\ufeff"
CLIENT = '{{"name": "a", "token": "{token}", "scopes": ["pick"]}}'


def fault_of(environ: dict[str, str], path: Path | None = None) -> str:
    with pytest.raises(SettingsError) as refused:
        load(path, environ)
    (fault,) = refused.value.faults
    return fault


# Marks and blanks


@pytest.mark.parametrize("text", [f"{BOM}server.port = 1", "\r\n server.port = 1 \r\n\t"])
def test_a_file_of_a_windows_editor_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "callerid.toml"
    path.write_bytes(text.encode())
    assert load(path, {}).server.port == 1


@pytest.mark.parametrize(
    "text", ["{}\n", "{}\r\n", "\n  {} \t\n\n", f"{BOM}{{}}", f"{BOM}{{}}\r\n"]
)
def test_a_secrets_file_is_read_without_the_blanks_around_it(tmp_path: Path, text: str) -> None:
    secret = tmp_path / "url"
    secret.write_bytes(text.format("redis://:hunter2@h").encode())
    environ = {"CALLERID_REDIS__URL_FILE": f" {secret}\n"}
    assert load(None, environ).redis.url == "redis://:hunter2@h"


@pytest.mark.parametrize("token", [r"t\n", r" t", r"t\r\n"])
def test_a_secret_in_a_file_or_variable_loses_the_blanks_around_it(token: str) -> None:
    environ = {
        "CALLERID_AUTH__CLIENTS": f"[{CLIENT.format(token=token)}]\n",
        "CALLERID_REDIS__URL": "redis://h\n",
    }
    settings = load(None, environ)
    assert [client.token for client in settings.auth.clients] == ["t"]
    assert settings.redis.url == "redis://h"


@pytest.mark.parametrize("token", [r"hunter\n2", "hunter\u200b2", "häunter2"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_repeated(token: str) -> None:
    fault = fault_of({"CALLERID_AUTH__CLIENTS": f"[{CLIENT.format(token=token)}]"})
    assert "(auth.clients[0].token): found characters (hidden) that no header carries" in fault
    assert "unter" not in fault


@pytest.mark.parametrize("content", ["", "\n", f"{BOM} \r\n"])
def test_an_empty_secrets_file_is_refused_by_its_variable(tmp_path: Path, content: str) -> None:
    secret = tmp_path / "url"
    secret.write_bytes(content.encode())
    assert fault_of({"CALLERID_REDIS__URL_FILE": str(secret)}) == (
        "environment: CALLERID_REDIS__URL_FILE (redis.url): "
        "found an empty file, expected one with the value in it"
    )


# Files that are none


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path has 107 bytes at most
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a FIFO": (os.mkfifo, "not a regular file"),
    "a directory": (Path.mkdir, "not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "a socket": (make_socket, "No such device or address"),
    "a loop": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "nothing": (lambda _: None, "No such file or directory"),
    "a huge file": (lambda path: path.write_bytes(bytes(1001)), "larger than 0 MB"),
}


@pytest.fixture(params=NO_FILES)
def no_file(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, str]:
    """A path at which no file can be read, and why."""
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    make, why = NO_FILES[request.param]
    path = tmp_path / "none"
    make(path)
    return path, why


def test_what_is_no_file_is_no_configuration(no_file: tuple[Path, str]) -> None:
    path, why = no_file
    assert fault_of({}, path) == f"{path}: cannot be read: {why}"


def test_what_is_no_file_holds_no_secret(no_file: tuple[Path, str]) -> None:
    path, why = no_file
    fault = fault_of({"CALLERID_REDIS__URL_FILE": str(path)})
    assert fault.endswith(f"(redis.url): found {why}, expected a readable file")


def test_what_is_no_file_is_no_table_of_prefixes(no_file: tuple[Path, str]) -> None:
    path, why = no_file
    fault = fault_of({"CALLERID_LOCALITY__PHONE_DAT": str(path)})
    assert fault.endswith(f": found '{path}' ({why}), expected a whole phone.dat")


@pytest.mark.parametrize(
    ("cut", "why"),
    [
        (slice(0), "not a phone.dat: it is shorter than its header"),
        (slice(-1), "not a whole phone.dat: it ends within an entry of its index"),
        (slice(1000), "not a phone.dat: its index would start outside the file"),
        (slice(1, None), "not a phone.dat: its index would start outside the file"),
    ],
)
def test_a_table_of_prefixes_that_is_not_whole_is_refused_with_the_reason(
    tmp_path: Path, cut: slice, why: str
) -> None:
    whole = resources.files("phone").joinpath("phone.dat").read_bytes()
    path = tmp_path / "phone.dat"
    path.write_bytes(whole[cut])
    fault = fault_of({"CALLERID_LOCALITY__PHONE_DAT": str(path)})
    assert fault.endswith(f": found '{path}' ({why}), expected a whole phone.dat")


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "callerid.toml"
    path.write_text('locality.phone_dat = "a\\u0000b"')
    assert "(not the name of a file), expected a whole phone.dat" in fault_of({}, path)


# Names of variables


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CALLERID_REDIS_URL", "CALLERID_REDIS__URL"),
        ("CALLERID_REDIS_URL_FILE", "CALLERID_REDIS__URL_FILE"),
        ("CALLERID_SERVER_PORT", "CALLERID_SERVER__PORT"),
        ("CALLERID_CCC_MAX_REQUESTS_PER_SECOND", "CALLERID_CCC__MAX_REQUESTS_PER_SECOND"),
        ("CALLERID_SELECTION_CALLER_MAX_PER_DAY", "CALLERID_SELECTION__CALLER__MAX_PER_DAY"),
        ("CALLERID_INSTANCE", "CALLERID_INSTANCES"),
        ("CALLERID_PHONE", "CALLERID_SECTION__KEY, with two underscores"),
    ],
)
def test_a_variable_that_sets_nothing_is_refused_and_the_right_one_named(
    name: str, meant: str
) -> None:
    path = name.removeprefix("CALLERID_").removesuffix("_FILE").lower()
    assert fault_of({name: "hunter2"}) == (
        f"environment: {name} ({path}): found an unknown variable, expected {meant}"
    )


def test_a_list_that_is_no_json_is_refused_with_the_place_of_its_fault() -> None:
    assert fault_of({"CALLERID_AUTH__CLIENTS": '[{"name": "dialer" "token": "hunter2"}]'}) == (
        "environment: CALLERID_AUTH__CLIENTS (auth.clients): found no JSON at line 1, column 20 "
        '(Expecting \',\' delimiter), expected JSON, as [{"key": "text"}]'
    )


def test_variables_of_kubernetes_and_of_the_command_line_are_left_alone() -> None:
    of_a_service = {
        "{}_SERVICE_HOST": "10.0.0.1",
        "{}_SERVICE_PORT": "8080",
        "{}_SERVICE_PORT_HTTP": "8080",
        "{}_PORT": "tcp://10.0.0.1:8080",
        "{}_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "{}_PORT_8080_TCP_PROTO": "tcp",
        "{}_PORT_8080_TCP_PORT": "8080",
        "{}_PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    environ = {
        name.format(service): value
        for service in ("CALLERID", "CALLERID_REDIS", "CALLERID_SERVER")
        for name, value in of_a_service.items()
    }
    environ |= dict.fromkeys(("CALLERID_CONFIG", "CALLERID_TOKEN", "CALLERID_URL"), "x")
    assert load(None, environ | {"CALLERIDS": "x"}) == Settings()


# Time zones


@pytest.fixture
def no_tz_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "tzdata", None)
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("no_tz_database")
def test_a_machine_without_time_zones_is_told_what_to_install() -> None:
    assert fault_of({}).endswith(
        "found 'Asia/Shanghai', expected a time zone of the tz database, "
        "which this machine lacks: install its package tzdata"
    )
