"""Find the pick that an outcome is about, in the local ledger.

The twin of `run.outcome` in `lua/7_operations.lua`.
"""

from collections.abc import Callable

from service.ledger.answers import Followed
from service.ledger.local.callee import CalleeUses, RememberedCall
from service.ledger.port import Outcome

Touch = Callable[[str, int], None]


def follow_call(call: RememberedCall, outcome: Outcome, touch: Touch) -> Followed:
    """Follow a remembered pick; an outcome that names one number of it is about that one.

    Args:
        call: the pick.
        outcome: what was told.
        touch: renews or frees the lease that a number has by a turn: those of all of the pick.
    """
    named = [one for one in call.uses if outcome.number in {"", one[0]}]
    shown = tuple((number, level) for number, level, _ in named)
    if not shown or call.is_over:
        return Followed("over" if shown else "unknown", shown)
    for number, _, turn in call.uses:
        touch(number, turn)
    call.is_over = outcome.final
    return Followed("followed", shown)


def follow_callee(callee: CalleeUses, outcome: Outcome, touch: Touch) -> Followed:
    """Follow the last pick that showed this number to a callee.

    Args:
        callee: who was called.
        outcome: what was told.
        touch: as above.
    """
    for use in reversed(callee.uses):
        for number, level, turn in use.shown:
            if number != outcome.number:
                continue
            if turn == 0:
                return Followed("over", ((number, level),))
            for one, _, its_turn in use.shown:
                touch(one, its_turn)
            if outcome.final:
                use.shown = tuple([(one, its_level, 0) for one, its_level, _ in use.shown])
            return Followed("followed", ((number, level),))
    return Followed("unknown")
