"""Nonces of signed requests, each taken once: in this process, or over all replicas in Redis.

Spend one only after its signature was found right: strangers then can neither use nonces up nor
fill the memory. What a signature is, and how old it may be, is not decided here.
"""

from hashlib import blake2b
from math import ceil
from typing import TypeAlias

from redis.asyncio import Redis

from service.ccc.claims import MAX_SKEW_SECONDS
from service.errors import ClaimRefused
from service.redis_.client import translated

BUCKET_SECONDS = 10
MOST = 2**18  # nonces in one process, some 35 MB
CLOCKS_APART_SECONDS = 60  # of two replicas, at the most


class LocalNonces:
    """The nonces that this process has seen, by the date of their requests.

    Memory is bounded and no replay is ever let in: where there is no room the oldest are
    forgotten, and requests of their age are then refused as expired.

    Args:
        most: how many to remember.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: set[bytes] = set()
        self._by_date: dict[int, list[bytes]] = {}
        self._oldest = 0  # the first bucket whose requests are let in

    async def spend(self, key_id: str, nonce: str, signed_at: float, now: float) -> None:
        """Take a nonce, once.

        Args:
            key_id: the access key that signed; each has nonces of its own.
            nonce: as it came.
            signed_at: the Unix time in the request, checked against the clock before.
            now: the Unix time.

        Raises:
            ClaimRefused: it was used before.
        """
        self._forget_before(int(now - MAX_SKEW_SECONDS) // BUCKET_SECONDS)
        bucket, digest = int(signed_at) // BUCKET_SECONDS, _digest(key_id, nonce)
        if digest in self._seen:
            raise ClaimRefused("SignatureNonceUsed")
        if bucket < self._oldest:
            raise ClaimRefused("InvalidTimeStamp.Expired")
        self._seen.add(digest)
        self._by_date.setdefault(bucket, []).append(digest)
        if len(self._seen) > self._most:
            self._forget_before(min(self._by_date) + 1)

    def _forget_before(self, bucket: int) -> None:
        if bucket <= self._oldest:
            return
        self._oldest = bucket
        for old in [date for date in self._by_date if date < bucket]:
            self._seen.difference_update(self._by_date.pop(old))


class SharedNonces:
    """The nonces that any replica has seen.

    Args:
        redis: where they are.
        base: what their keys begin with.
    """

    def __init__(self, redis: Redis, base: str) -> None:
        self._redis = redis
        self._base = base

    async def spend(self, key_id: str, nonce: str, signed_at: float, now: float) -> None:
        """Take a nonce, once, as `LocalNonces.spend`; out of reach of Redis nothing is let in.

        Raises:
            ClaimRefused: it was used before.
            LedgerUnavailable: nobody can say whether it was.
        """
        key = f"{self._base}{_digest(key_id, nonce).hex()}"
        good_for = ceil(signed_at + MAX_SKEW_SECONDS - now) + CLOCKS_APART_SECONDS
        with translated():
            was_new = await self._redis.set(key, 1, nx=True, ex=good_for)
        if not was_new:
            raise ClaimRefused("SignatureNonceUsed")


Nonces: TypeAlias = LocalNonces | SharedNonces


def _digest(key_id: str, nonce: str) -> bytes:
    text = f"{key_id}\n{nonce}".encode("utf-8", "surrogateescape")
    return blake2b(text, digest_size=16).digest()
