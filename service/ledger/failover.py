"""The ledger that always decides: Redis where it answers, this process where it does not."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from service.errors import LedgerUnavailable
from service.inventory import Inventory, Moves
from service.ledger.answers import Decision, Followed, Glance
from service.ledger.local.ledger import LocalLedger
from service.ledger.port import Answered, AnswerT, Park, Pick, Take, Unpark
from service.ledger.rules import Rules
from service.ledger.shared.ledger import SharedLedger
from service.ledger.shared.line import CallLost
from service.ledger.write_back import Degraded, WriteBack
from service.metrics import Metrics
from service.tasks import heed_cancellation

KEEP_UP_SECONDS = 10.0


class FailoverLedger:
    """Picks from the shared ledger, and from the one in this process while that is out of reach.

    What must hold on every replica, or be told to the ledger that picked, raises LedgerUnavailable
    instead: whoever asks keeps it and asks again.
    """

    def __init__(
        self,
        shared: SharedLedger,
        local: LocalLedger,
        metrics: Metrics,
        clock: Callable[[], int],
    ) -> None:
        self._shared = shared
        self._local = local
        self._metrics = metrics
        self._clock = clock
        self._write_back = WriteBack(shared, metrics)
        self._has_members = asyncio.Event()

    def replace(self, inventory: Inventory, moves: Moves | None = None) -> None:
        """Take the members of a new snapshot here; the leader of the sweep does it there."""
        self._local.replace(inventory, moves)
        self._has_members.set()

    async def run(self) -> None:
        """Send, and write back what was picked here, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._shared.run(), name="ledger-shared")
            tasks.create_task(self._write_back.run(), name="ledger-write-back")
            tasks.create_task(self._be_counted(), name="ledger-presence")
            tasks.create_task(self._keep_up(), name="ledger-keep-up")

    async def _be_counted(self) -> None:
        """Be one of the processes that share what is left of a cap when they decide alone."""
        while True:
            with suppress(LedgerUnavailable):
                self._local.share_among(await self._shared.processes(self._clock()))
            heed_cancellation()
            await asyncio.sleep(KEEP_UP_SECONDS)

    async def _keep_up(self) -> None:
        """Let the ledger here know what the shared one counts, for when it must decide alone.

        It takes a tenth of the time at the most: a million numbers are not read every 10 s.
        """
        now = asyncio.get_running_loop().time
        await self._has_members.wait()
        while True:
            start = now()
            with suppress(LedgerUnavailable):
                async for known, parks in self._shared.known():
                    self._local.adopt(known, parks)
            heed_cancellation()
            await asyncio.sleep(max(KEEP_UP_SECONDS, 9 * (now() - start)))

    @property
    def reaches_redis(self) -> bool:
        """True while picks are decided by Redis."""
        return self._shared.reaches_redis

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record in Redis; in this process if Redis does not answer."""
        try:
            return await self._shared.pick(pick)
        except LedgerUnavailable as error:
            self._metrics.degraded_picks.inc()
            decision = self._local.decide(pick)
            lost = error if isinstance(error, CallLost) else None
            if not pick.dry_run and (decision.picked.uses or lost):
                self._write_back.keep(Degraded(pick, decision.picked, self._clock(), lost))
            return decision

    async def apply(self, operation: Answered[AnswerT]) -> AnswerT:
        """Apply an operation on every replica; parks hold here at once, should Redis fail now.

        Raises:
            LedgerUnavailable: Redis did not take it.
        """
        answer = await self._shared.apply(operation)
        if isinstance(operation, (Park, Unpark)):
            self._local.apply_now(operation)
        elif isinstance(answer, Followed) and answer.state == "unknown":
            return self._local.apply_now(operation)
        return answer

    def glance(self, numbers: Sequence[str]) -> list[Glance]:
        """Describe these numbers from what this process knows, some seconds old at the most."""
        return self._local.glance(numbers)

    async def parked_by(self) -> Mapping[str, int]:
        """Count the parked numbers by reason."""
        return await self._shared.parked_by()

    def parked(self) -> tuple[str, ...]:
        """The numbers that are out, as far as the ledger here has kept up."""
        return self._local.parked()

    async def take_back(self) -> None:
        """Return numbers here; the shared ledger's own heartbeat does it there."""
        await self._local.take_back()

    async def review(self) -> None:
        """Look again at all parked numbers, here and there."""
        await self._local.review()
        await self._shared.review()

    def rule(self, rules: Rules) -> None:
        """Decide under these rules from now, here and there."""
        self._local.rule(rules)
        self._shared.rule(rules)
