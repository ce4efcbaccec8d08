"""Follow a call: tell the ledger, count by match level, and act on its SIP code.

What cannot be told while the ledger is out of reach is kept and told later. Whether a number is in
good health is judged elsewhere, from what is passed on here.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.errors import InvalidField, LedgerUnavailable, UnknownCall
from service.inventory import Mark, read_mark
from service.ledger.answers import Followed
from service.ledger.port import Outcome
from service.locality import Locator
from service.logs import mask
from service.metrics import Metrics
from service.outcomes.actions import SipActions
from service.outcomes.sip import Ended, action_for
from service.outcomes.waiting import WaitingWork
from service.picking import InstanceId
from service.picking.instance import Instance, instance_named, own_number
from service.settings import SipAction

RENEWING = frozenset({"ringing", "in_call"})
UNCODED = 1000  # outcomes without a SIP code, after which that is said

_log = logging.getLogger(__name__)


class OutcomeReport(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The progress of a call, as `/v1/outcomes` has it on the wire.

    `call_id` or both numbers say which call.
    """

    result: Annotated[
        Literal[
            "ringing", "in_call", "answered", "no_answer", "busy", "rejected", "blocked", "failed"
        ],
        Meta(description="`ringing` and `in_call` renew the concurrent slot, the rest free it."),
    ]
    call_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            description="As it was given to the pick; else name both numbers.",
        ),
    ] = ""
    caller_number: Annotated[
        str,
        Meta(
            description="The number of ours that was shown; beside `call_id`, which one of several."
        ),
    ] = ""
    called_number: Annotated[
        str, Meta(description="The callee, as dialled; a SIP code may stop it.")
    ] = ""
    sip_code: Annotated[
        int,
        Meta(ge=100, le=699, description="The final SIP status, on which `[sip_actions]` may act."),
    ] = 0
    ring_ms: Annotated[
        int, Meta(ge=0, description="How long it rang, in ms; checked and not used.")
    ] = 0
    talk_ms: Annotated[
        int, Meta(ge=0, description="How long they talked, in ms; reports add it up.")
    ] = 0
    instance_id: InstanceId = ""


class _ReadReport(Struct, frozen=True, gc=False):
    """A report that was read: when it came, in ledger time, the callee's digest and place."""

    instance: Instance
    report: OutcomeReport
    outcome: Outcome
    at: int
    callee: str
    region: str


NoteEnd = Callable[[str, str, str, Mark, int], None]


class Outcomes:
    """Follows the calls of every configured instance; `run` must be running.

    Args:
        instances: by id.
        locator: knows the callees' places.
        metrics: counts the outcomes.
        sip_actions: what an outcome's SIP code does.
        note_end: told the instance, the number ("" where that cannot be told), the result, the
            mark and the ms of talk of every call that ended.
    """

    def __init__(
        self,
        instances: Mapping[str, Instance],
        locator: Locator,
        metrics: Metrics,
        *,
        sip_actions: Mapping[int, SipAction],
        note_end: NoteEnd,
    ) -> None:
        self._instances = instances
        self._locator = locator
        self._reported = metrics.reported
        self._sip_actions = sip_actions
        self._uncoded = 0  # calls that ended without a SIP code, -1 once one had a code
        self._note_end = note_end
        self._waiting = {name: WaitingWork(name) for name in instances}
        self._actions = SipActions()

    def act_by(self, sip_actions: Mapping[int, SipAction]) -> None:
        """Act on SIP codes by these from now."""
        self._sip_actions = sip_actions
        self._uncoded = min(self._uncoded, 0)

    async def report(self, report: OutcomeReport) -> None:
        """Follow a call; told again of one that is over, change nothing.

        Returns once the ledger has it, or once it is kept for a ledger that is out of reach.

        Raises:
            InvalidField, InvalidCalledNumber: the report does not say which call, or not well.
            UnknownInstance: no such instance is configured.
            UnknownCall: the ledger knows no such call.
        """
        call = self._read(report)
        try:
            await self._follow(call)
        except LedgerUnavailable:
            self._waiting[call.instance.instance_id].keep(partial(self._follow, call, again=True))

    async def run(self) -> None:
        """Do what waits for the ledgers, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for waiting in self._waiting.values():
                tasks.create_task(waiting.run())

    def _read(self, report: OutcomeReport) -> _ReadReport:
        instance = instance_named(self._instances, report.instance_id)
        if not report.call_id:
            _check_named(report)
        caller, callee, region = "", "", ""
        if report.caller_number:
            caller = own_number("caller_number", report.caller_number)
        if report.called_number:
            located = self._locator.locate(report.called_number)
            callee = instance.digests.callee(located.number)
            region = located.locality.province
        call = instance.digests.call(report.call_id) if report.call_id else ""
        outcome = Outcome(call, "" if call else callee, caller, report.result not in RENEWING)
        return _ReadReport(instance, report, outcome, instance.now(), callee, region)

    async def _follow(self, call: _ReadReport, *, again: bool = False) -> None:
        followed = await call.instance.ledger.apply(call.outcome)
        if followed.state == "unknown":
            raise UnknownCall(
                "No such call is known, or not any more; check the call_id, or both numbers"
            )
        number, mark = _use(followed, call.outcome.number)
        if followed.state == "followed":
            self._count(call, number, read_mark(mark))
        # A first try whose answer was lost may have ended the call; acting twice is harmless.
        if call.outcome.final and (again or followed.state == "followed"):
            self._act(call, number)

    def _count(self, call: _ReadReport, number: str, mark: Mark) -> None:
        instance_id, result = call.instance.instance_id, call.report.result
        self._reported.count((instance_id, mark.shown, result))
        if call.outcome.final:
            self._note_end(instance_id, number, result, mark, call.report.talk_ms)

    def _warn_of_no_codes(self, code: int) -> None:
        """Say once that SIP actions wait for codes that no dialer reports."""
        if self._uncoded >= 0:
            self._uncoded = -1 if code else self._uncoded + 1
            if self._uncoded == UNCODED and self._sip_actions:
                text = "[sip_actions] has nothing to act on: none of %d outcomes had a sip_code"
                _log.warning(text, UNCODED)

    def _act(self, call: _ReadReport, number: str) -> None:
        self._warn_of_no_codes(call.report.sip_code)
        rule = self._sip_actions.get(call.report.sip_code)
        if rule is None:
            return
        instance, code = call.instance, call.report.sip_code
        ended = Ended(number, _provider(instance, number), call.callee, call.region, code)
        action = action_for(rule, ended, call.at)
        if action is None:
            _log.warning(
                "SIP %d calls for %s, but the outcome does not say of which number: report both",
                code,
                rule.action,
            )
            return
        _log.info("SIP %d on %s of %s: %s", code, mask(number), instance.instance_id, rule.action)
        perform = partial(self._actions.perform, instance, action, code)
        self._waiting[instance.instance_id].keep(perform)


def _check_named(report: OutcomeReport) -> None:
    for field, given in (
        ("caller_number", report.caller_number),
        ("called_number", report.called_number),
    ):
        if not given:
            raise InvalidField(field, "is required, as are both numbers, unless call_id is given")


def _use(followed: Followed, number: str) -> tuple[str, str]:
    """The number that was shown, "" where that cannot be told, and the mark of its use."""
    for use in followed.uses:
        if use[0] == number:
            return use
    first, mark = next(iter(followed.uses), ("", ""))
    return (first if len(followed.uses) == 1 else ""), mark


def _provider(instance: Instance, number: str) -> str:
    inventory = instance.keeper.inventory
    own = None if inventory is None else inventory.numbers.get(number)
    return own.provider if own else ""
