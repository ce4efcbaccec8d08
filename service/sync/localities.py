"""Place the prefixes that the table lacks: asked of CCC once, remembered for all replicas.

No pick waits for any of it. A prefix is the first seven digits of a mobile number; the number
itself is told to CCC, which places numbers alone, and is kept nowhere.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from redis.asyncio import Redis

from service.ccc.client import CccClient
from service.errors import CccError, LedgerUnavailable
from service.locality import Locator, is_same_number
from service.metrics import Metrics
from service.redis_.client import translated
from service.tasks import heed_cancellation, wait_at_most

MOST_WAITING = 100
MOST_RESTING = 10_000
RELOAD_SECONDS = 300.0
UNKNOWN_SECONDS = 86_400.0  # CCC does not know the prefix either
FAILED_SECONDS = 60.0  # CCC did not answer

_log = logging.getLogger(__name__)


class PrefixQuery(msgspec.Struct, frozen=True):
    """A prefix, and a number of it to ask CCC about."""

    prefix: str
    number: str
    instance_id: str


class Localities:
    """Finds out and remembers; `run` must be running.

    Args:
        locator: is taught.
        clients: the client of each instance.
        redis: where what was learned is remembered; None keeps it in this process alone.
        key: the hash that holds it.
        clock: seconds, monotonic.
        metrics: counts the unknown prefixes met.
    """

    def __init__(  # noqa: PLR0913 - keywords, each an edge of the process that a test replaces
        self,
        locator: Locator,
        clients: Mapping[str, CccClient],
        *,
        redis: Redis | None,
        key: str,
        clock: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._locator = locator
        self._clients = clients
        self._redis = redis
        self._key = key
        self._clock = clock
        self._metrics = metrics
        self._known: set[str] = set()
        self._questions: dict[str, PrefixQuery] = {}
        self._unsaved: dict[str, str] = {}
        self._not_before: dict[str, float] = {}
        self._wake = asyncio.Event()

    def note(self, prefix: str, called_number: str, instance_id: str) -> None:
        """Hear of a prefix that nobody has placed; at once, and without more than a look-up."""
        self._metrics.unknown_prefixes.inc()
        if prefix in self._questions or len(self._questions) >= MOST_WAITING:
            return
        if self._clock() >= self._not_before.get(prefix, 0.0):
            self._questions[prefix] = PrefixQuery(prefix, called_number, instance_id)
            self._wake.set()

    def teach(self, prefix: str, province: str, city: str) -> None:
        """Take in what CCC told of a callee by the way; a place without a name teaches nothing."""
        if province:
            self._learn(prefix, province, city)
            self._unsaved[prefix] = f"{province}|{city}"
            self._wake.set()

    async def run(self) -> None:
        """Ask, remember, and learn what other replicas remember; until cancelled."""
        reload_at = self._clock()
        while True:
            if self._clock() >= reload_at:
                await self._load()
                reload_at = self._clock() + RELOAD_SECONDS
            self._wake.clear()
            await self._ask_all()
            await self._save()
            heed_cancellation()
            await wait_at_most(reload_at - self._clock(), self._wake)

    async def _ask_all(self) -> None:
        while self._questions:
            of_each: defaultdict[str, list[PrefixQuery]] = defaultdict(list)
            for question in self._questions.values():
                of_each[question.instance_id].append(question)
            await asyncio.gather(*map(self._ask_one_instance, of_each.values()))

    async def _ask_one_instance(self, questions: list[PrefixQuery]) -> None:
        """Ask until CCC fails; the rest waits, and so do no other instances' questions."""
        answers = True
        for question in questions:
            try:
                if not answers:
                    self._let_rest(question.prefix, FAILED_SECONDS)
                elif question.prefix not in self._known:
                    answers = await self._ask(question)
            finally:
                self._questions.pop(question.prefix, None)

    async def _ask(self, question: PrefixQuery) -> bool:
        """Ask one question; False where CCC did not answer."""
        client = self._clients[question.instance_id]
        try:
            place = await client.get_number_location(question.instance_id, question.number)
        except CccError as error:
            _log.warning("No place was found for the prefix %s: %s", question.prefix, error)
            self._let_rest(question.prefix, FAILED_SECONDS)
            return False
        if place.number and not is_same_number(place.number, question.number):
            _log.warning("CCC placed another number than the one of %s", question.prefix)
            self._let_rest(question.prefix, FAILED_SECONDS)
            return False
        self.teach(question.prefix, place.province, place.city)
        if not place.province:
            self._let_rest(question.prefix, UNKNOWN_SECONDS)
        return True

    def _let_rest(self, prefix: str, seconds: float) -> None:
        if len(self._not_before) >= MOST_RESTING:
            del self._not_before[next(iter(self._not_before))]
        self._not_before[prefix] = self._clock() + seconds

    async def _save(self) -> None:
        """Remember for all what is new here; what Redis does not take now, it takes later."""
        if self._redis is None or not self._unsaved:
            return
        fresh: dict[Any, Any] = dict(self._unsaved)
        with suppress(LedgerUnavailable), translated():
            await self._redis.hset(self._key, mapping=fresh)
            for prefix in fresh:
                self._unsaved.pop(prefix, None)

    async def _load(self) -> None:
        if self._redis is None:
            return
        with suppress(LedgerUnavailable), translated():
            stored: dict[Any, Any] = await self._redis.hgetall(self._key)
            for prefix, place in stored.items():
                province, _, city = place.decode(errors="replace").partition("|")
                self._learn(prefix.decode(errors="replace"), province, city)

    def _learn(self, prefix: str, province: str, city: str) -> None:
        if prefix in self._known:
            return
        try:
            self._locator.learn(prefix, province, city)
        except ValueError:
            _log.warning("The remembered place of a prefix cannot be read and is ignored")
        self._known.add(prefix)
