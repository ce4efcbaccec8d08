"""Configurations that are refused, and the words in which they are."""

from pathlib import Path

import pytest

from service.errors import SettingsError
from service.settings import Settings
from service.settings.loading import load


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


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("server.prot = 1", "server.prot: found an unknown key, expected port perhaps"),
        ("console.zzz = 1", "console.zzz: found an unknown key, expected one of enabled"),
        ("server = 5", "server: found a number, expected a table"),
        ("server.port = 70000", "server.port: found 70000, expected a port from 0 to 65535"),
        ('server.port = "80"', "server.port: found '80', expected a port from 0 to 65535"),
        ("server.port = true", "server.port: found true, expected a port from 0 to 65535"),
        ("server.port = {a = 1}", "server.port: found a table, expected a port from 0 to 65535"),
        ("server.drain_seconds = -1", "server.drain_seconds: found -1, expected seconds from 0"),
        ("server.drain_seconds = nan", "server.drain_seconds: found nan, expected seconds from 0"),
        ("console.enabled = 1", "console.enabled: found 1, expected true or false"),
        (
            "inventory.max_shrink = 1.5",
            "inventory.max_shrink: found 1.5, expected a share from 0 to 1",
        ),
        (
            'redis.prefix = "a{b}"',
            "redis.prefix: found text, expected 1-64 of A-Z a-z 0-9 _ . @ -",
        ),
        (
            'selection.levels = ["city", "moon"]',
            (
                "selection.levels[1]: found 'moon', "
                "expected one of city, area_code, province, near, any"
            ),
        ),
        (
            "experiment.holdout = 0.6",
            "experiment.holdout: found 0.6, expected a share from 0 to 0.5",
        ),
        (
            "experiment.holdout = 0.1",
            "experiment.name: found nothing, expected a name, under which the calls are counted",
        ),
        (
            'experiment.until = "20261231"',
            "experiment.until: found '20261231', expected a day, as '2026-12-31', or nothing",
        ),
        (
            'experiment = {name = "a", holdout = 0.1}\nselection.levels = ["city", "province"]',
            (
                "selection.levels: found city, province, "
                "expected `any` and a nearer one: who is held out gets numbers from anywhere"
            ),
        ),
        (
            'experiment = {name = "a", holdout = 0.1}\nselection.levels = ["any"]',
            (
                "selection.levels: found any, "
                "expected `any` and a nearer one: who is held out gets numbers from anywhere"
            ),
        ),
        (
            'numbers = [{match = {tag = "a\\nb"}, max_per_day = 5}]',
            "numbers[0].match.tag: found 'a\\nb', expected text in one line",
        ),
        (
            "selection.levels = []",
            "selection.levels: found a list, expected a list of one or more levels",
        ),
        (
            'selection.levels = ["any", "city"]',
            "selection.levels: found any, city, expected each level once, the narrowest first",
        ),
        (
            'selection.fallback = "guess"',
            "selection.fallback: found 'guess', expected one of ccc, refuse",
        ),
        (
            'selection.timezone = "Mars/Base"',
            "selection.timezone: found 'Mars/Base', expected a time zone of the tz database",
        ),
        (
            'selection.calling_window = "9-21"',
            (
                "selection.calling_window: found '9-21' (not HH:MM-HH:MM), "
                "expected HH:MM-HH:MM, the first before the second, or nothing"
            ),
        ),
        (
            'selection.calling_window = "21:00-09:00"',
            (
                "selection.calling_window: found '21:00-09:00' (the start is not before the end), "
                "expected HH:MM-HH:MM, the first before the second, or nothing"
            ),
        ),
        (
            'selection.callee.rules = [{limit = 1, window_seconds = 1, kind = "daily"}]',
            "selection.callee.rules[0].kind: found 'daily', expected one of sliding, calendar",
        ),
        (
            'selection.callee.rules = [{limit = 1, kind = "sliding"}]',
            (
                "selection.callee.rules[0].window_seconds: found nothing, "
                "expected whole seconds from 1 to a year"
            ),
        ),
        (
            'sip_actions.47 = {action = "rest_number", seconds = 1}',
            "sip_actions.47: found '47', expected a SIP code from 100 to 699",
        ),
        (
            'ccc.endpoint = "ccc.cn-shanghai.aliyuncs.com"',
            (
                "ccc.endpoint: found no such URL (hidden), "
                "expected https:// and a host, without a login"
            ),
        ),
        (
            "inventory.refresh_seconds = 0.5",
            "inventory.refresh_seconds: found 0.5, expected seconds from 1",
        ),
        (
            "inventory.stale_after_seconds = 30",
            "inventory.stale_after_seconds: found 30, expected refresh_seconds (60) at the least",
        ),
        (
            "server.workers = 2",
            (
                "server.workers: found 2 without redis.url, "
                "expected 1, or a redis.url: the embedded ledger belongs to one process"
            ),
        ),
        (
            'redis = {url = "redis://h", timeout_ms = 60}',
            (
                "selection.pick_timeout_ms: found 60, expected more than redis.timeout_ms (60): "
                "a pick outlives the ledger's timeout and decides by itself"
            ),
        ),
        (
            'server.host = "0.0.0.0"',
            (
                "auth.required: found 'auto' at host '0.0.0.0', and nobody who may ask, "
                "expected auth.clients or auth.access_keys, a loopback host, or 'never'"
            ),
        ),
        (
            'locality.phone_dat = "missing/phone.dat"',
            (
                "locality.phone_dat: found 'missing/phone.dat' (No such file or directory), "
                "expected a whole phone.dat"
            ),
        ),
        (
            (
                'selection.levels = ["near", "any"]\n'
                'selection.near = {"河北" = ["Tianjin"], "*" = ["北京"]}'
            ),
            "selection.near.河北[0]: found 'Tianjin', expected a province or a city, as 四川",
        ),
        (
            'instances = [{id = "a", levels = ["near", "any"], near = {"*" = ["*"]}}]',
            "instances[0].near.*[0]: found '*', expected a province or a city, as 四川",
        ),
        (
            'instances = [{id = "a", levels = ["near", "any"], near = {"Hebei" = ["北京"]}}]',
            "instances[0].near.Hebei: found 'Hebei', expected a province or a city, as 四川",
        ),
        (
            'numbers = [{match = {tag = "a", provider = "b"}, max_per_day = 1}]',
            (
                "numbers[0].match: found tag and provider, expected exactly one of number, tag, "
                "provider"
            ),
        ),
        (
            'numbers = [{match = {tag = "a"}}]',
            (
                "numbers[0]: found no limit, "
                "expected at least one key of [selection.caller] to override, or avoid"
            ),
        ),
        (
            'numbers = [{match = {tag = "a"}, avoid = ["新疆", "*"]}]',
            "numbers[0].avoid[1]: found '*', expected a province or a city, as 四川",
        ),
        (
            'instances = [{id = "a"}, {id = "a"}]',
            "instances[1].id: found that of entry 0 again, expected one of its own",
        ),
        ("instances = 1", "instances: found a number, expected a list of tables"),
        ("instances = [1]", "instances[0]: found a number, expected a table"),
        ("sip_actions = 1", "sip_actions: found a number, expected a table"),
        ("sip_actions.477 = 1", "sip_actions.477: found a number, expected a table"),
        (
            'ccc.endpoint = "https://h:port"',
            (
                "ccc.endpoint: found no such URL (hidden), "
                "expected https:// and a host, without a login"
            ),
        ),
        (
            'instances = [{id = "a:b"}]',
            "instances[0].id: found 'a:b', expected 1-64 of A-Z a-z 0-9 _ . @ -",
        ),
        (
            'instances = [{id = "a", ccc = {access_key_id = "x"}}]',
            (
                "instances[0].ccc: found half a key pair, "
                "expected access_key_id and access_key_secret together, or neither"
            ),
        ),
        (
            'instances = [{id = "a", ccc = {security_token = "x"}}]',
            (
                "instances[0].ccc.security_token: found it alone, "
                "expected the key pair that it belongs to"
            ),
        ),
        (
            'instances = [{id = "a", timezone = "Mars/Base"}]',
            "instances[0].timezone: found 'Mars/Base', expected a time zone of the tz database",
        ),
        (
            'instances = [{id = "a", scope = "s"}, {id = "b", scope = "s", timezone = "UTC"}]',
            (
                "instances[1].timezone: found 'UTC' and 'Asia/Shanghai' for 'a', "
                "expected the same in all instances of scope 's'"
            ),
        ),
        (
            (
                'instances = [{id = "a", scope = "s"}, {id = "b", scope = "s", '
                'callee = {rules = [{limit = 1, window_seconds = 1, kind = "sliding"}]}}]'
            ),
            (
                "instances[1].callee.rules: found other rules than 'a' has, "
                "expected the same in all instances of scope 's'"
            ),
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_key(file: Path, text: str, fault: str) -> None:
    assert faults(file, text) == [fault]


@pytest.mark.parametrize(
    "url", ["http://h", "redis://", "redis://h:port", "unix://", "redis+sentinel:///service", "h"]
)
def test_a_url_that_is_not_of_redis_is_refused(file: Path, url: str) -> None:
    (fault,) = faults(file, f'redis.url = "{url}"')
    assert fault.startswith("redis.url: found no such URL (hidden), expected redis://")


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "rediss://user:pw@h:6380/0",
        "unix:///run/redis.sock",
        "redis+sentinel://h1:26379,h2:26379/service",
        "redis+cluster://h1,h2",
    ],
)
def test_every_kind_of_redis_url_is_accepted(file: Path, url: str) -> None:
    assert read(file, f'redis.url = "{url}"').redis.url == url


def test_all_faults_are_told_at_once_and_no_echo_of_them(file: Path) -> None:
    text = """
    server = { port = -1, workers = 4 }
    redis.url = 5
    [[instances]]
    scope = "s"
    fallback = 1
    """
    assert faults(file, text, CALLERID_CONSOLE__ENABLED="maybe") == [
        "server.port: found -1, expected a port from 0 to 65535",
        "redis.url: found a number, expected text",
        (
            "environment: CALLERID_CONSOLE__ENABLED (console.enabled): "
            "found 'maybe', expected true or false"
        ),
        "instances[0].id: found nothing, expected 1-64 of A-Z a-z 0-9 _ . @ -",
        "instances[0].fallback: found 1, expected one of ccc, refuse",
    ]


def test_a_variable_for_a_section_that_is_no_table_leaves_the_files_fault(file: Path) -> None:
    expected = ["server: found a number, expected a table"]
    assert faults(file, "server = 5", CALLERID_SERVER__PORT="1") == expected


def test_a_variable_deeper_than_any_key_is_refused(file: Path) -> None:
    (fault,) = faults(file, "", CALLERID_SERVER__PORT__NUMBER="1")
    assert "found a table, expected a port from 0 to 65535" in fault


def test_a_fault_of_the_common_selection_is_not_told_again_for_each_instance(file: Path) -> None:
    text = """
    selection.timezone = "Mars/Base"
    instances = [{ id = "a", fallback = "refuse" }, { id = "b", fallback = "refuse" }]
    """
    assert len(faults(file, text)) == 1


@pytest.mark.parametrize(
    ("contents", "fault"),
    [
        (b"server = ", "found no TOML: Invalid value (at end of document)"),
        (b"\xff", "found bytes that are no UTF-8, expected TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_named(file: Path, contents: bytes, fault: str) -> None:
    file.write_bytes(contents)
    with pytest.raises(SettingsError) as refused:
        load(file, {})
    assert refused.value.faults == [f"{file}: {fault}"]


def test_a_file_that_is_missing_is_named(file: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(file, {})
    assert refused.value.faults == [f"{file}: cannot be read: No such file or directory"]


def test_a_credential_is_bound_to_instances_that_there_are(file: Path) -> None:
    text = """
[[auth.clients]]
name = "a"
token = "a"
scopes = ["pick"]
instances = ["one", "two"]
[[auth.access_keys]]
id = "a"
secret = "a"
scopes = ["pick"]
instances = ["three"]
[[instances]]
id = "one"
"""
    assert faults(file, text) == [
        "auth.clients[0].instances[1]: found no such instance (hidden), expected one of one",
        "auth.access_keys[0].instances[0]: found no such instance (hidden), expected one of one",
    ]


# Secrets

SECRETS = """
redis.url = "redis://:hunter2@h"
[[auth.clients]]
name = "a"
token = "hunter2"
scopes = ["pick"]
[[auth.access_keys]]
id = "a"
secret = "hunter2"
security_token = "hunter2"
scopes = ["pick"]
[[instances]]
id = "a"
ccc = { access_key_id = "a", access_key_secret = "hunter2", security_token = "hunter2" }
"""


def test_no_secret_is_in_a_repr(file: Path) -> None:
    settings = read(file, SECRETS)
    assert "hunter2" in settings.redis.url
    assert "hunter2" not in repr(settings)
    assert repr(settings).count("***") == 6


@pytest.mark.parametrize(
    "text",
    [
        'ccc.endpoint = "https://user:hunter2@h:port"',
        'ccc.endpoint = "ftp://user:hunter2@h"',
        'ccc.endpoint = "https://user:hunter2@h"',
        'ccc.endpoint = "https://hunter2@h"',
        'ccc.endpoint = "//hunter2"',
        'ccc.timeout_ms = "hunter2"',
        'redis.url = "hunter2"',
        'redis.url = "redis://:hunter2@h:port"',
        'redis.prefix = "hunter2 and more"',
        'redis.timeout_ms = "hunter2"',
        'redis = "hunter2"',
        'auth = "hunter2"',
        'auth.required = "hunter2"',
        'auth.clients = "hunter2"',
        'auth.clients = ["hunter2"]',
        'auth.clients = [{name = "a", token = ["hunter2"], scopes = ["pick"]}]',
        'auth.clients = [{name = ["hunter2"], token = "a", scopes = ["pick"]}]',
        'auth.clients = [{name = "a", token = "a", scopes = ["hunter2"]}]',
        'auth.clients = [{name = "a", token = "a", scopes = "hunter2"}]',
        'auth.clients = [{name = "a", token = "a", scopes = ["pick"], instances = ["hunter2"]}]',
        'auth.clients = [{name = "a", token = "a", scopes = ["pick"], instances = ["hunter2 "]}]',
        'auth.clients = [{name = "a", scopes = ["pick"], tokne = "hunter2"}]',
        """auth.clients = [{name = "hunter2", token = "a", scopes = ["pick"]},
            {name = "hunter2", token = "a", scopes = ["pick"]}]""",
        'auth.access_keys = [{id = "a", secret = "", scopes = ["hunter2"]}]',
        'instances = [{id = "a", ccc = "hunter2"}]',
        'instances = [{id = "a", ccc = {region = "hunter2+"}}]',
        'instances = [{id = "a", ccc = {account = "hunter2+", access_key_id = "a"}}]',
        'instances = [{id = "a", ccc = {endpoint = "http://a:hunter2@h:port"}}]',
        'numbers = [{match = {number = ["hunter2"]}, max_per_day = 1}]',
        'selection.timezone = "https://user:hunter2@proxy"',
        'selection.calling_window = "https://user:hunter2@proxy"',
        'server.host = "https://user:hunter2@proxy"',
    ],
)
def test_a_secret_that_strayed_is_not_in_a_fault(file: Path, text: str) -> None:
    lines = faults(file, text)
    assert lines
    assert "hunter2" not in "".join(lines)


@pytest.mark.parametrize("token", ["138123456", "1.5"])
def test_a_token_without_quotes_in_the_place_of_a_name_is_not_in_a_fault(
    file: Path, token: str
) -> None:
    text = f'auth.clients = [{{name = {token}, token = "a", scopes = ["pick"]}}]'
    (fault,) = faults(file, text)
    assert token not in fault


def test_a_secret_that_strayed_into_a_variable_is_not_in_a_fault(file: Path) -> None:
    for name in ("AUTH__CLIENTS", "AUTH__REQUIRED", "CCC__ENDPOINT", "REDIS__PREFIX"):
        (fault,) = faults(file, "", **{f"CALLERID_{name}": "hunter2 secret"})
        assert "hunter2" not in fault


def test_a_number_in_an_override_is_not_in_a_repr(file: Path) -> None:
    text = 'numbers = [{match = {number = "13812348888"}, max_per_day = 1}]'
    assert "13812348888" not in repr(read(file, text))


@pytest.mark.parametrize(
    "text",
    [
        "redis.url = 13812348888",
        'redis.url = "hunter2"',
        'redis = "hunter2"',
        'auth.clients = "hunter2"',
        'auth.clients = ["hunter2"]',
        'auth.clients = [{name = "a", token = {x = "hunter2"}, scopes = ["pick"]}]',
        'auth.token = "hunter2"',
        "numbers = [{match = {number = 13812348888}, max_per_day = 1}]",
    ],
)
def test_no_secret_is_in_a_fault(file: Path, text: str) -> None:
    told = "\n".join(faults(file, text))
    assert "hunter2" not in told
    assert "13812348888" not in told


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("138****8888", "is masked or has a dial code; send the whole number in digits"),
        (
            "tel:13812348888",
            "has letters; send the digits alone, without tel:, sip: or an extension",
        ),
        (
            "１３８１２３４８８８８",
            "has a character outside ASCII, perhaps invisible; send the digits 0-9",
        ),
        ("13812348888,13812348889", "has a character other than digits, spaces, hyphens and a"),
        ("1" * 33, "is longer than 32 characters; send one number alone"),
        ("-", "is empty; give the number as it would be dialled"),
    ],
)
def test_a_number_of_an_override_that_is_none_is_refused_with_the_reason(
    file: Path, number: str, why: str
) -> None:
    text = f'numbers = [{{match = {{number = "{number}"}}, max_per_day = 1}}]'
    (fault,) = faults(file, text)
    assert fault.startswith(f"numbers[0].match.number: found a number (hidden) that {why}")
    assert fault.endswith(", expected one as CCC lists it")
    assert number == "-" or number not in fault


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('clients = [{name = "a", token = "", scopes = ["pick"]}]', "clients[0].token"),
        ('access_keys = [{id = "a", secret = "", scopes = ["pick"]}]', "access_keys[0].secret"),
        ('clients = [{name = "a", token = "t", scopes = []}]', "clients[0].scopes"),
        (
            (
                'clients = [{name = "a", token = "t", scopes = ["pick"]}, '
                '{name = "b", token = "t", scopes = ["admin"]}]'
            ),
            "clients[1].token",
        ),
    ],
)
def test_a_client_needs_a_token_of_its_own_and_a_scope(file: Path, text: str, key: str) -> None:
    (fault,) = faults(file, f"auth = {{ {text} }}")
    assert fault.startswith(f"auth.{key}: found ")
