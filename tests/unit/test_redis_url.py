"""Every form of the URL of Redis, and what is none."""

from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.redis_.connections import read_options
from service.redis_.url import OptionError, RedisUrl, read_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "rediss://user:pw@h:6380/0",
        "unix:///run/redis.sock",
        "redis://[::1]:7",
        "redis://:p@ss@h",
        "redis://h?db=2",
        "rediss://h?ssl_cert_reqs=none&ssl_ca_certs=%2Fca.pem",
        "unix://u:pw@/run/redis.sock?db=1",
    ],
)
def test_one_server_is_redis_pys_to_read(url: str) -> None:
    assert read_url(url) == RedisUrl("server", url)


def test_sentinels_have_a_usual_port_and_name_a_service() -> None:
    assert read_url("redis+sentinel://h1,h2:7,[::1]:8/ledger") == RedisUrl(
        "sentinel",
        "redis://server/?",
        (("h1", 26379), ("h2", 7), ("::1", 8)),
        "ledger",
    )


def test_sentinels_may_have_a_login_and_their_service_a_database_of_its_own() -> None:
    read = read_url(
        "rediss+sentinel://u:p%40@h/ledger/2"
        "?sentinel_username=s&sentinel_password=q%26&ssl_ca_certs=%2Fca.pem"
    )
    assert read.server == "rediss://u:p%40@server/2?ssl_ca_certs=%2Fca.pem"
    assert read.sentinel_login == ("s", "q&")


def test_the_nodes_of_a_cluster_have_a_usual_port() -> None:
    assert read_url("rediss+cluster://:pw@h1,h2:7") == RedisUrl(
        "cluster", "rediss://:pw@server/?", (("h1", 6379), ("h2", 7))
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h",
        "http://h",
        "redis://",
        "redis://h:h1",
        "redis://:7",
        "redis://h1/zero",
        "redis://h1/0/1",
        "redis://h1/0#1",
        # Passwords that are not percent-encoded.
        "redis://:12#x@h1",
        "redis://:12/x@h1",
        "redis://u:12/x@h1",
        "redis://u:12?x@h1",
        "redis://u:12?x=y@h1",
        "rediss+cluster://:p#x@h1",
        "rediss+cluster://:p?x@h1",
        "redis+sentinel://:p@x@h1/ledger",
        "redis://u:12/3?username=x@h1",
        "redis://u:12/3?db=1@h1",
        "redis+sentinel://u:12/x@h1/0",
        "redis+cluster://u:12?db=x@h1",
        "unix://:a/b@/run/h1.sock",
        # What urllib drops without a word, or takes for another host.
        "redis://h1\n",
        "redis://:p\t@h1",
        " redis://h1",
        "redis://h1,h2",
        "redis://h1:0",
        "redis:/h1",
        "unix:/run/h1.sock",
        "unix://h1/run/redis.sock",
        "unix://",
        "redis+sentinel:///ledger",
        "redis+sentinel://h1,h2",
        "redis+sentinel://h1,h2/",
        "redis+sentinel://h1,,h2/ledger",
        "redis+sentinel://h1:0/ledger",
        "redis+sentinel://h1:70000/ledger",
        "redis+sentinel://h1:port/ledger",
        "redis+sentinel://h1/ledger/two",
        "redis+cluster://h1,h2/1",
        "redis+cluster://",
        "unix+cluster://h1",
        "redis+shards://h1",
    ],
)
def test_anything_else_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*h1).*$"):
        read_url(url)


@pytest.mark.parametrize(
    "url",
    [
        # What the service sets itself, and what a connection without TLS does not have.
        *(
            f"{place}?{option}"
            for place in (
                "redis://h1",
                "rediss://h1/0",
                "unix:///run/h1.sock",
                "redis+sentinel://h1/ledger",
                "rediss+cluster://h1",
            )
            for option in (
                *("socket_timeout=5", "max_connections=5", "protocol=3", "client_name=x"),
                *("decode_responses=true", "ssl=true", "timeout=1", "health_check_interval=1"),
                *("ssl_min_version=771", "anything=h1", "db=zero", "db=-1", "db=1&db=2"),
            )
        ),
        "redis://h1?ssl_cert_reqs=none",
        "unix:///run/redis.sock?ssl_cert_reqs=none",
        "redis+sentinel://h1/ledger?ssl_ca_certs=x",
        "redis://h1?sentinel_password=x",
        "rediss://h1?ssl_cert_reqs=never",
        "rediss://h1?ssl_check_hostname=perhaps",
        # Two databases, or a second one of a cluster.
        "redis://h1/1?db=2",
        "redis+sentinel://h1/ledger/1?db=2",
        "redis+cluster://h1?db=1",
    ],
)
def test_an_option_that_is_not_the_urls_to_set_is_refused_as_such(url: str) -> None:
    with pytest.raises(OptionError, match=r"^$"):
        read_url(url)


WORDS = st.text(max_size=12) | st.text("/?#@:%&=,[]0123456789\\ db\t\n", max_size=12)
PLACES = {
    "redis://{login}real.example:7/3": RedisUrl("server", "{url}"),
    "rediss://{login}real.example:7/3?ssl_cert_reqs=none": RedisUrl("server", "{url}"),
    "unix://{login}/run/redis.sock?db=3": RedisUrl("server", "{url}"),
    "redis+sentinel://{login}real.example:7/ledger/3": RedisUrl(
        "sentinel", "redis://{login}server/3?", (("real.example", 7),), "ledger"
    ),
    "rediss+cluster://{login}real.example:7": RedisUrl(
        "cluster", "rediss://{login}server/?", (("real.example", 7),)
    ),
}


@given(st.sampled_from(sorted(PLACES)), st.sampled_from(["", "u"]), WORDS)
@example("redis://{login}real.example:7/3", "u", "12/3?db=5")
@example("redis+sentinel://{login}real.example:7/ledger/3", "u", "12/x")
def test_a_password_never_becomes_another_host_user_or_database(
    form: str, user: str, password: str
) -> None:
    login = f"{user}:{password}@"
    url = form.format(login=login)
    try:
        read = read_url(url)
    except ValueError:
        return
    meant = PLACES[form]
    assert (read.kind, read.hosts, read.service) == (meant.kind, meant.hosts, meant.service)
    assert read.server == meant.server.format(url=url, login=login)
    options = read_options(read.server)
    assert options.get("password", "") == unquote(password)
    assert options.get("username", "") == user
    if meant.kind == "server" and not form.startswith("unix"):
        assert (options["host"], options["port"], options["db"]) == ("real.example", 7, 3)
    if form.startswith("unix"):
        assert (options["path"], options["db"]) == ("/run/redis.sock", 3)
    assert options.get("db", 3) == 3


def test_its_passwords_are_not_shown() -> None:
    url = "redis+sentinel://:hunter2@h/ledger?sentinel_password=hunter3"
    assert "hunter" not in repr(read_url(url))
