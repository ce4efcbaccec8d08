"""Who serves a slot, where nodes of a cluster differ."""

import pytest
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError

from service.redis_.client import open_topology
from service.redis_.cluster import SlotClaim, holders_of
from service.redis_.sentinels import Sentinels, SentinelView

OLD, NEW, OTHER = ("old", 1), ("new", 2), ("other", 3)


def test_the_claim_with_the_greatest_epoch_counts_whoever_told_it() -> None:
    claims = [SlotClaim(7, 0, 99, NEW), SlotClaim(3, 0, 199, OLD), SlotClaim(9, 150, 150, OTHER)]
    holders = holders_of(claims)
    assert holders[0] == holders[99] == NEW
    assert holders[100] == holders[149] == holders[151] == OLD
    assert holders[150] == OTHER
    assert holders[200] is None


def test_a_node_that_redirects_is_believed() -> None:
    cluster = open_topology("redis+cluster://h")
    assert cluster is not None
    with pytest.raises(RedisConnectionError, match="No node is known"):
        cluster.address_of("{a}:1")
    cluster.doubt(MovedError(f"{key_slot(b'a')} h:7"))
    assert cluster.address_of("{a}:1") == cluster.address_of(b"{a}:2") == ("h", 7)


def test_a_redirection_that_names_no_host_is_asked_about() -> None:
    cluster = open_topology("redis+cluster://h")
    assert cluster is not None
    cluster.doubt(MovedError(f"{key_slot(b'a')} :7"))
    with pytest.raises(RedisConnectionError):
        cluster.address_of("{a}:1")


async def test_the_latest_failover_counts_though_fewer_sentinels_know_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sentinels = open_topology("redis+sentinel://a,b,c/ledger")
    assert isinstance(sentinels, Sentinels)

    async def ask() -> list[SentinelView | None]:
        return [SentinelView(3, OLD, 1), SentinelView(3, OLD, 1), SentinelView(4, NEW, 1)]

    monkeypatch.setattr(sentinels, "ask", ask)
    await sentinels.search()
    assert sentinels.address_of("any") == NEW


def test_nobody_has_told_where_the_master_is() -> None:
    sentinels = open_topology("redis+sentinel://h/ledger")
    assert sentinels is not None
    with pytest.raises(RedisConnectionError, match="No Sentinel"):
        sentinels.address_of("any")


def test_one_server_is_not_followed() -> None:
    assert open_topology("redis://h") is None
