"""Explain a pick: the candidates that were looked at, and those that are out, each with why."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from operator import itemgetter

from service.inventory import Step
from service.ledger import Decision
from service.picking import Candidate
from service.picking.instance import Instance
from service.picking.question import Question

LOOKED_AT = 500  # numbers of a level, in less than a ms
MOST_OUT = 100
REGION = "region"  # why a number was passed over that callees of the place do not see
LAST_MS = 253_370_764_800_000  # the year 9999 begins; what Redis holds may be anybody's


def explained(
    question: Question, steps: tuple[Step, ...], decision: Decision
) -> tuple[Candidate, ...]:
    """Return the candidates that were looked at, in their order, then those that are out.

    Those are as this process knows them: the parked ones, of the levels down to the one at which
    the pick ended, and those that callees of the place never see. `MOST_OUT` of each at the most.
    """
    picked = decision.picked
    looked = tuple(
        Candidate(look.number, look.level, look.turn, look.used_hour, look.used_day, look.reason)
        for look in picked.looks
    )
    if picked.uses:
        levels = [step.level for step in steps]
        last = looked[-1].match if looked else ""
        steps = steps[: levels.index(last) + 1] if last in levels else ()
    seen = {candidate.number for candidate in looked}
    parked = islice(_parked(question.instance, steps, seen), MOST_OUT)
    return (*looked, *parked, *_kept_from(question))


def instant(ms: int) -> datetime:
    """Return an instant of the ledger, in ms since 1970; the year 9999 for any later."""
    return datetime.fromtimestamp(min(ms, LAST_MS) / 1000, UTC)


def _parked(instance: Instance, steps: tuple[Step, ...], seen: set[str]) -> Iterator[Candidate]:
    inventory = instance.keeper.inventory
    members = inventory.members if inventory is not None else {}
    for step in steps:
        candidates = chain.from_iterable(members.get(pool, ()) for pool in step.pools)
        some = [number for number in islice(candidates, LOOKED_AT) if number not in seen]
        seen.update(some)
        for number, glance in zip(some, instance.ledger.glance(some), strict=True):
            if glance.parks:
                reason, end = max(glance.parks, key=itemgetter(1))  # the latest reason counts
                until = instant(end)
                turn, hour, day = max(glance.turn, 0), glance.used_hour, glance.used_day
                yield Candidate(number, step.level, turn, hour, day, reason, until)


def _kept_from(question: Question) -> Iterator[Candidate]:
    kept = tuple(dict.fromkeys(islice(chain.from_iterable(question.kept_from()), MOST_OUT)))
    for number, glance in zip(kept, question.instance.ledger.glance(kept), strict=True):
        turn = max(glance.turn, 0)
        yield Candidate(number, "", turn, glance.used_hour, glance.used_day, REGION)
