"""Nonces of signed requests, each taken once: in this process, or over all replicas in Redis.

Spend one only after its signature was found right and its key may do what it asks for: strangers
then can neither use nonces up nor fill the memory. Each access key has a share of its own, so that
one that floods refuses nobody but itself. What a signature is, and how old it may be, is not
decided here.
"""

from collections import Counter
from hashlib import blake2b
from math import ceil
from typing import TypeAlias

from redis.asyncio import Redis

from service.ccc.claims import MAX_SKEW_SECONDS
from service.errors import ClaimRefused, Overloaded
from service.redis_.client import translated

BUCKET_SECONDS = 10
MOST = 2**18  # nonces in one process, some 35 MB
MOST_SHARED = 4096  # of one key, that one process may leave in Redis within MAX_SKEW_SECONDS
CLOCKS_APART_SECONDS = 60  # of two replicas, at the most


class LocalNonces:
    """The nonces that this process has seen, by their keys and the date of their requests.

    Memory is bounded and no replay is ever let in: where a key has no room its oldest are
    forgotten, and its requests of their age are then refused as expired.

    Args:
        most: how many to remember; the keys that sign have equal shares.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._of_key: dict[str, _KeyNonces] = {}

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
        if key_id not in self._of_key:
            self._of_key[key_id] = _KeyNonces()
            for other in self._of_key.values():
                other.shrink_to(self._share)
        nonces = self._of_key[key_id]
        nonces.forget_before(int(now - MAX_SKEW_SECONDS) // BUCKET_SECONDS)
        nonces.add(_digest(key_id, nonce), int(signed_at) // BUCKET_SECONDS)
        nonces.shrink_to(self._share)

    def __len__(self) -> int:
        """Return how many nonces are remembered, of all keys."""
        return sum(map(len, self._of_key.values()))

    @property
    def _share(self) -> int:
        return max(1, self._most // len(self._of_key))


class _KeyNonces:
    """The nonces of one access key."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._by_date: dict[int, list[bytes]] = {}
        self._oldest = 0  # the first bucket whose requests are let in

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, digest: bytes, bucket: int) -> None:
        if digest in self._seen:
            raise ClaimRefused("SignatureNonceUsed")
        if bucket < self._oldest:
            raise ClaimRefused("InvalidTimeStamp.Expired")
        self._seen.add(digest)
        self._by_date.setdefault(bucket, []).append(digest)

    def shrink_to(self, most: int) -> None:
        while len(self) > most:
            self.forget_before(min(self._by_date) + 1)

    def forget_before(self, bucket: int) -> None:
        if bucket <= self._oldest:
            return
        self._oldest = bucket
        for old in [date for date in self._by_date if date < bucket]:
            self._seen.difference_update(self._by_date.pop(old))


class SharedNonces:
    """The nonces that any replica has seen.

    They are of requests that add numbers, of which there are few: beyond a bound a key has to wait,
    and Redis is not asked.

    Args:
        redis: where they are.
        base: what their keys begin with.
        most: how many of one key to leave in Redis within `MAX_SKEW_SECONDS`.
    """

    def __init__(self, redis: Redis, base: str, most: int = MOST_SHARED) -> None:
        self._redis = redis
        self._base = base
        self._most = most
        self._period = 0
        self._spent: Counter[str] = Counter()  # of each key, in this period

    async def spend(self, key_id: str, nonce: str, signed_at: float, now: float) -> None:
        """Take a nonce, once, as `LocalNonces.spend`; out of reach of Redis nothing is let in.

        Raises:
            ClaimRefused: it was used before.
            Overloaded: its key has spent too many.
            LedgerUnavailable: nobody can say whether it was.
        """
        self._check_share(key_id, now)
        key = f"{self._base}{_digest(key_id, nonce).hex()}"
        good_for = ceil(signed_at + MAX_SKEW_SECONDS - now) + CLOCKS_APART_SECONDS
        with translated():
            was_new = await self._redis.set(key, 1, nx=True, ex=good_for)
        if not was_new:
            raise ClaimRefused("SignatureNonceUsed")
        self._spent[key_id] += 1  # what is only replayed uses up nothing

    def _check_share(self, key_id: str, now: float) -> None:
        period = int(now // MAX_SKEW_SECONDS)
        if period != self._period:
            self._period = period
            self._spent.clear()
        if self._spent[key_id] >= self._most:
            wait = (period + 1) * MAX_SKEW_SECONDS - now
            raise Overloaded(f"The access key has asked for {self._most} additions already", wait)


Nonces: TypeAlias = LocalNonces | SharedNonces


def _digest(key_id: str, nonce: str) -> bytes:
    text = f"{key_id}\n{nonce}".encode("utf-8", "surrogateescape")
    return blake2b(text, digest_size=16).digest()
