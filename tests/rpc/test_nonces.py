"""Nonces: taken once, in one process and over all of them, in bounded memory."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from service.api.nonces import BUCKET_SECONDS, LocalNonces, Nonces, SharedNonces
from service.errors import ClaimRefused, LedgerUnavailable, Overloaded
from service.redis_.client import open_client
from tests.conftest import RedisServer
from tests.http.http_fixtures import Service, serving
from tests.rpc.rpc_fixtures import DIALER, METER, guarded_service, send, signed
from tests.waiting import LONG

NOW = 1_795_219_200.0
BASE = "callerid:2:nonce:"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = open_client(redis_url, timeout=LONG)
    yield client
    await client.aclose()


@pytest.fixture(params=["local", "shared"])
def nonces(request: pytest.FixtureRequest, redis: Redis) -> Nonces:
    return LocalNonces() if request.param == "local" else SharedNonces(redis, BASE)


async def refusal(
    nonces: Nonces, nonce: str, at: float = NOW, now: float = NOW, key: str = "key"
) -> str:
    try:
        await nonces.spend(key, nonce, at, now)
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
    assert len(nonces) <= 92


async def test_a_full_memory_lets_no_replay_in_and_new_requests_still() -> None:
    nonces = LocalNonces(most=100)
    for second in range(500):
        assert await refusal(nonces, f"n{second}", NOW + second, NOW + second) == ""
    assert len(nonces) <= 100
    now = NOW + 500
    for second in range(500):
        assert await refusal(nonces, f"n{second}", NOW + second, now) in (
            "InvalidTimeStamp.Expired",
            "SignatureNonceUsed",
        )
    assert await refusal(nonces, "slow clock", now - 400, now) == "InvalidTimeStamp.Expired"
    assert await refusal(nonces, "new", now - 2 * BUCKET_SECONDS, now) == ""


async def test_a_key_that_floods_fills_its_own_share_and_refuses_itself_alone() -> None:
    nonces = LocalNonces(most=100)
    for number in range(10):
        assert await refusal(nonces, f"q{number}", NOW - 300, key="quiet") == ""
    codes = {
        await refusal(nonces, f"f{number}", NOW - number % 300, key="flood")
        for number in range(5000)
    }
    assert codes == {"", "InvalidTimeStamp.Expired"}
    assert len(nonces) <= 100
    assert await refusal(nonces, "old", NOW - 299, key="flood") == "InvalidTimeStamp.Expired"
    for number in range(10):
        assert await refusal(nonces, f"q{number}", NOW - 300, key="quiet") == "SignatureNonceUsed"
    assert await refusal(nonces, "another", NOW - 300, key="quiet") == ""


async def test_beyond_the_bound_no_nonce_of_an_addition_can_be_used_again() -> None:
    nonces = LocalNonces(most=100)
    for number in range(1000):
        await refusal(nonces, f"n{number}", NOW - number % 600)
    again = {await refusal(nonces, f"n{number}", NOW - number % 600) for number in range(1000)}
    assert "" not in again


async def test_in_redis_a_key_has_a_bound_and_is_told_when_to_come_again(redis: Redis) -> None:
    nonces = SharedNonces(redis, BASE, most=3)
    await nonces.spend("flood", "n0", NOW, NOW)
    for _ in range(3):  # somebody replays what was overheard: it uses up nothing
        assert await refusal(nonces, "n0", key="flood") == "SignatureNonceUsed"
    await nonces.spend("flood", "n1", NOW, NOW)
    await nonces.spend("flood", "n2", NOW, NOW)
    with pytest.raises(Overloaded) as refused:
        await nonces.spend("flood", "n3", NOW, NOW)
    assert 0 < refused.value.retry_after <= 900
    assert len(await redis.keys(f"{BASE}*")) == 3
    await nonces.spend("quiet", "n0", NOW, NOW)
    assert await refusal(nonces, "n1", NOW + 800, NOW + 900, key="flood") == "SignatureNonceUsed"
    await nonces.spend("flood", "n3", NOW + 900, NOW + 900)


async def test_a_key_without_the_scope_asks_redis_nothing(redis: Redis) -> None:
    async with AsyncExitStack() as stack:
        service = await replica(stack, redis)
        for action in ("AddPhoneNumbers", "AddBulkPhoneNumbers"):
            answer = await send(service, signed(service, "acs3", action, key=DIALER))
            assert answer.json["Code"] == "Forbidden.RAM"
    assert await redis.keys(f"{BASE}*") == []


async def test_a_key_of_another_scope_leaves_no_nonce_behind() -> None:
    async with serving(guarded_service()) as service:
        sent = signed(service, "rpc_v1", "PickOutboundNumbers", key=METER)
        codes = {(await send(service, sent)).json["Code"] for _ in range(2)}
    assert codes == {"Forbidden.RAM"}


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
