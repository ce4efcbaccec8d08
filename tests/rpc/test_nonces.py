"""Nonces: taken once, in one process and over all of them, in bounded memory."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from service.api.nonces import BUCKET_SECONDS, LocalNonces, Nonces, SharedNonces
from service.errors import ClaimRefused, LedgerUnavailable
from service.redis_.client import open_client
from tests.conftest import RedisServer
from tests.http.http_fixtures import Service, serving
from tests.rpc.rpc_fixtures import guarded_service, send, signed

NOW = 1_795_219_200.0
BASE = "callerid:2:nonce:"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = open_client(redis_url, timeout=2)
    yield client
    await client.aclose()


@pytest.fixture(params=["local", "shared"])
def nonces(request: pytest.FixtureRequest, redis: Redis) -> Nonces:
    return LocalNonces() if request.param == "local" else SharedNonces(redis, BASE)


async def refusal(nonces: Nonces, nonce: str, at: float = NOW, now: float = NOW) -> str:
    try:
        await nonces.spend("key", nonce, at, now)
    except ClaimRefused as refused:
        return refused.ccc_code
    return ""


async def test_a_nonce_is_taken_once(nonces: Nonces) -> None:
    assert await refusal(nonces, "a") == ""
    assert await refusal(nonces, "a") == "SignatureNonceUsed"
    assert await refusal(nonces, "b") == ""
    await nonces.spend("another key", "a", NOW, NOW)


async def test_a_nonce_may_be_of_any_bytes(nonces: Nonces) -> None:
    for nonce in ("", "\udcff", "😀", "\r\n", "x" * 8000):
        assert await refusal(nonces, nonce) == ""
        assert await refusal(nonces, nonce) == "SignatureNonceUsed"


@pytest.mark.parametrize("ahead", [-900, 0, 900])
async def test_a_nonce_is_remembered_as_long_as_its_date_is_good(ahead: float) -> None:
    nonces = LocalNonces()
    at = NOW + ahead
    assert await refusal(nonces, "a", at) == ""
    assert await refusal(nonces, "a", at, at + 900) == "SignatureNonceUsed"
    assert await refusal(nonces, "a", at + 920, at + 920) == ""


@pytest.mark.parametrize(("ahead", "good_for"), [(-900, 60), (0, 960), (899.5, 1860)])
async def test_in_redis_a_nonce_expires_with_its_date(
    redis: Redis, ahead: float, good_for: int
) -> None:
    await SharedNonces(redis, BASE).spend("key", "a", NOW + ahead, NOW)
    (key,) = await redis.keys(f"{BASE}*")
    assert good_for - 5 <= await redis.ttl(key) <= good_for


async def test_no_memory_is_kept_of_what_has_expired() -> None:
    nonces = LocalNonces()
    for second in range(0, 10_000, 10):
        assert await refusal(nonces, f"n{second}", NOW + second, NOW + second) == ""
    assert len(nonces._seen) == sum(map(len, nonces._by_date.values())) <= 92


async def test_a_full_memory_lets_no_replay_in_and_new_requests_still() -> None:
    nonces = LocalNonces(most=100)
    for second in range(500):
        assert await refusal(nonces, f"n{second}", NOW + second, NOW + second) == ""
    assert len(nonces._seen) <= 100
    now = NOW + 500
    for second in range(500):
        assert await refusal(nonces, f"n{second}", NOW + second, now) in (
            "InvalidTimeStamp.Expired",
            "SignatureNonceUsed",
        )
    assert await refusal(nonces, "slow clock", now - 400, now) == "InvalidTimeStamp.Expired"
    assert await refusal(nonces, "new", now - 2 * BUCKET_SECONDS, now) == ""


async def test_redis_out_of_reach_is_told(own_redis: RedisServer) -> None:
    client = open_client(own_redis.url, timeout=0.2)
    own_redis.kill()
    with pytest.raises(LedgerUnavailable):
        await SharedNonces(client, BASE).spend("key", "a", NOW, NOW)
    await client.aclose()


async def replica(stack: AsyncExitStack, redis: Redis) -> Service:
    service = guarded_service()
    service.nonces = SharedNonces(redis, BASE)
    return await stack.enter_async_context(serving(service))


async def test_an_addition_replayed_at_another_replica_is_refused(redis: Redis) -> None:
    async with AsyncExitStack() as stack:
        one, other = [await replica(stack, redis) for _ in range(2)]
        # Signed for the name that both are called by, not for a port.
        host = {"host": "callerid.internal"}
        for action in ("AddPhoneNumbers", "AddBulkPhoneNumbers"):
            sent = signed(one, "acs3", action, system=host | {"x-acs-signature-nonce": _new()})
            assert (await send(one, sent)).status == 200
            assert (await send(other, sent)).json["Code"] == "SignatureNonceUsed"
        assert not other.provisioner.asked


def _new() -> str:
    return uuid.uuid4().hex
