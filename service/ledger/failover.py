"""The ledger that always decides: Redis where it answers, this process where it does not."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from service.errors import LedgerUnavailable
from service.inventory import Inventory, Moves
from service.ledger.answers import Decision, Followed, Glance, picked_from
from service.ledger.local.ledger import LocalLedger
from service.ledger.pace import LedgerClock
from service.ledger.port import Answered, AnswerT, Outcome, Park, Pick, Stop, Take, Unpark
from service.ledger.record import Recall
from service.ledger.rules import DAY, Rules
from service.ledger.shared.ledger import SharedLedger
from service.ledger.shared.line import CallLost
from service.ledger.shared.recent import Applied
from service.ledger.shared.wire import CallReply
from service.ledger.write_back import Degraded, WriteBack
from service.metrics import Metrics
from service.tasks import heed_cancellation

KEEP_UP_SECONDS = 10.0
KEEP_UP_PAUSES = 9  # times as long as the reading took: a million are not read every 10 s
PRESENCE_SECONDS = 1.0  # after which a process that has come has its share
CATCH_UP_SECONDS = 0.7  # for which caps hold by what is known here, after Redis was away
NO_MEMBERS = 0

_log = logging.getLogger(__name__)


class FailoverLedger:
    """Picks from the shared ledger, and from the one in this process while that is out of reach.

    All of `work` must be running. What must hold on every replica, or be told to the ledger that
    picked, raises LedgerUnavailable instead: whoever asks keeps it and asks again.

    `clock_behind` has the ms by which Redis's clock was behind ledger time when it last answered.

    Args:
        shared: the ledger in Redis.
        local: the one in this process, by the same clock.
        metrics: count degraded picks, and what was set right.
        clock: ledger time; it hears of each reply.
        notice: told the generation of the ledger's members with each reply, NO_MEMBERS where they
            must be written anew.
    """

    def __init__(
        self,
        shared: SharedLedger,
        local: LocalLedger,
        metrics: Metrics,
        clock: LedgerClock,
        notice: Callable[[int], None],
    ) -> None:
        self._shared = shared
        self._local, self._members = local, local.members
        self._metrics, self._clock, self._notice = metrics, clock, notice
        self._write_back = WriteBack(shared, metrics)
        self._has_members = asyncio.Event()
        self._has_kept_up = self._has_gone_back = False
        self._is_settled = True  # nobody knows of picks that Redis may lack
        self.clock_behind, self.has_stops = 0, False
        shared.queue.heard = self._hear
        shared.queue.wiped = lambda: notice(NO_MEMBERS)
        shared.on_missed(self._replay)

    def work(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Map the names of this ledger's duties to them; each may fail without the others."""
        return {
            "ledger-calls": self._shared.queue.run,
            "ledger-heartbeat": self._shared.beat,
            "ledger-write-back": self._write_back.run,
            "ledger-presence": self._be_counted,
            "ledger-keep-up": self._keep_up,
        }

    def replace(self, inventory: Inventory, moves: Moves | None = None) -> None:
        """Take the members of a new snapshot here; the leader of the sweep does it there."""
        self._local.replace(inventory, moves)
        self._has_members.set()

    def recall(self) -> Recall | None:
        """Return what tells what Redis is known to have held; None while that is not known."""
        return self._members.recall if self._has_kept_up else None

    async def _be_counted(self) -> None:
        """Be one of the processes that share what is left of a cap when they decide alone.

        Redis forgets them while it is away: until they are back too, none of them is given up.
        Learn on the way whether a callee is stopped, by whatever process.
        """
        while True:
            try:
                processes = await self._shared.census.processes(self._clock())
                is_apart = self._shared.trouble or self._is_catching_up()
                self._members.sharing = max(processes, self._members.sharing if is_apart else 1)
                self.has_stops = await self._shared.census.has_stops()
            except LedgerUnavailable:
                self._is_settled = False
            heed_cancellation()
            await asyncio.sleep(PRESENCE_SECONDS)

    async def _keep_up(self) -> None:
        """Let the ledger here know what the shared one counts, for when it must decide alone.

        It takes a tenth of the time at the most.
        """
        now = asyncio.get_running_loop().time
        await self._has_members.wait()
        while True:
            start = now()
            with suppress(LedgerUnavailable):
                async for records, parks in self._shared.census.known():
                    self._members.adopt(records, parks)
                    self._has_kept_up = self._has_kept_up or bool(records)  # else it is wiped
            heed_cancellation()
            await asyncio.sleep(max(KEEP_UP_SECONDS, KEEP_UP_PAUSES * (now() - start)))

    def _hear(self, operations: Sequence[Answered[Any]], reply: CallReply) -> None:
        """Learn from a reply of Redis all that deciding alone may need."""
        self._has_gone_back = self._has_gone_back or reply.now < self._clock() - DAY
        self._clock.heard(reply.now)
        if not self._is_settled:
            self._keep_shares()
        self.clock_behind = reply.behind
        self._local.learned.note(operations, reply.answers, reply.now)
        self._members.learn(reply.records)
        if reply.unreadable:
            self._metrics.ledger_unreadable.inc(reply.unreadable)
            _log.warning("%d values in Redis cannot be read and are set right", reply.unreadable)
        self._notice(NO_MEMBERS if reply.damaged else reply.generation)

    @property
    def trouble(self) -> str:
        """Redis's words for why it does not serve, "" while it does."""
        return self._shared.trouble

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record in Redis; in this process if Redis does not answer.

        As long as Redis has not been told what was decided here, who knows of it decides again: of
        the same call or callee always, of any for a moment after Redis was away. A call that two
        processes have answered apart keeps the answer that each of them gave.
        """
        lost = None
        if not self._knows_better(pick):
            try:
                return Decision("redis", picked_from(await self._shared.send(pick)))
            except LedgerUnavailable as error:
                lost = error if isinstance(error, CallLost) else None
        self._metrics.degraded_picks.inc()
        self._is_settled = False
        decision = self._local.decide(pick)
        if not pick.dry_run and (decision.picked.is_counted or lost):
            self._write_back.keep(Degraded(pick, decision.picked, self._clock()), lost)
            if pick.call:  # the same asked again in between must not be answered otherwise
                self._shared.queue.withdraw(pick.call)
        return decision

    def _knows_better(self, pick: Pick | Take) -> bool:
        if pick.call in self._write_back.differing:
            return self._local.answered(pick) is not None
        return not self._is_settled and self._is_ahead(pick)

    def _is_ahead(self, pick: Pick | Take) -> bool:
        """Return whether Redis may lack what matters to a pick, of this process or of another.

        Processes come back one by one: who is first leaves the others what they have used up.
        """
        if self._keep_shares() or self._write_back.concerns(pick.call, pick.callee):
            return True
        self._is_settled = not self._write_back.is_behind
        return False

    def _keep_shares(self) -> bool:
        """Go on by the shares of the cut-off while anybody may have to write back, for a moment."""
        keeps = self._is_catching_up() and (self._members.sharing > 1 or self._write_back.is_behind)
        self._members.callers.keep_shares(keeps=keeps)
        return keeps

    def _is_catching_up(self) -> bool:
        return self._shared.queue.now() < self._shared.serves_since + CATCH_UP_SECONDS

    def _replay(self, missing: Sequence[Applied]) -> None:
        self._is_settled = False
        self._write_back.replay(missing)

    async def apply(self, operation: Answered[AnswerT]) -> AnswerT:
        """Apply an operation on every replica; what concerns this process's picks holds at once.

        Raises:
            LedgerUnavailable: Redis did not take it.
        """
        try:
            lacks = self._write_back.concerns  # or counts it under another number
            if isinstance(operation, Outcome) and lacks(operation.call, operation.callee):
                raise LedgerUnavailable("Redis has not heard of it yet")  # noqa: TRY301 - as if it said so
            answer = await self._shared.apply(operation)
        except LedgerUnavailable:
            if isinstance(operation, Outcome):
                self._local.apply_now(operation)  # a slot comes free, who knows for how long alone
            raise
        if isinstance(operation, (Park, Unpark)):
            self._local.apply_now(operation)
        elif isinstance(operation, Stop):
            self.has_stops = True
        elif isinstance(answer, Followed) and answer.state == "unknown":
            answer = self._local.apply_now(operation)
            if isinstance(operation, Outcome) and self._is_catching_up():
                raise LedgerUnavailable("Another process may have this call to write back")
        return answer

    def glance(self, numbers: Sequence[str]) -> list[Glance]:
        """Describe these numbers from what this process knows, some seconds old at the most."""
        return self._local.glance(numbers)

    async def parked_by(self) -> Mapping[str, int]:
        """Count the parked numbers by reason."""
        return await self._shared.census.parked_by()

    def parked(self) -> tuple[str, ...]:
        """The numbers that are out, as far as the ledger here has kept up."""
        return self._local.parked()

    async def take_back(self) -> None:
        """Return numbers here; the shared ledger's own heartbeat does it there.

        Where ledger time has gone back, who is parked there is looked at again.

        Raises:
            LedgerUnavailable: that has to wait.
        """
        await self._local.take_back()
        if self._has_gone_back:
            await self._shared.review()
            self._has_gone_back = False

    async def review(self) -> None:
        """Look again at all parked numbers, here and there."""
        await self._local.review()
        await self._shared.review()

    def rule(self, rules: Rules) -> None:
        """Decide under these rules from now, here and there."""
        self._local.rule(rules)
        self._shared.rule(rules)
