"""Every form of the URL of Redis, and what is none."""

import pytest

from service.redis_.url import RedisUrl, read_url


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
        # What the service sets itself, and what a connection without TLS does not have.
        "redis://h1?socket_timeout=5",
        "redis://h1?max_connections=5",
        "redis://h1?protocol=3",
        "redis://h1?client_name=x",
        "redis://h1?decode_responses=true",
        "redis://h1?ssl=true",
        "redis://h1?ssl_cert_reqs=none",
        "unix:///run/redis.sock?ssl_cert_reqs=none",
        "redis+sentinel://h1/ledger?ssl_ca_certs=x",
        "redis+cluster://h1?socket_timeout=5",
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


def test_its_passwords_are_not_shown() -> None:
    url = "redis+sentinel://:hunter2@h/ledger?sentinel_password=hunter3"
    assert "hunter" not in repr(read_url(url))
