"""When a failed attempt is made again, and after which pause. Pure: it neither waits nor asks."""

import random
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from service.ccc.replies import Failure, Reply
from service.errors import CccThrottled, CccUnavailable

Answer = TypeVar("Answer")

MAX_ATTEMPTS = 3
FIRST_PAUSE = 0.5


class Action(msgspec.Struct, Generic[Answer], frozen=True):
    """An action of CCC: its name on the wire, its decoder, and whether doing it twice is harmless.

    One that is not `repeatable` is made again only when CCC surely did nothing.
    """

    name: str
    decode: Callable[[Reply], Answer]
    repeatable: bool = True
    version: str = "2020-07-01"


AnyAction: TypeAlias = Action[Any]


def may_repeat(action: Action[Answer], failure: Failure) -> bool:
    """Tell whether asking again can help and can do no harm.

    Throttling, a 5xx and a broken connection pass; a refusal and a malformed answer do not.
    """
    if not isinstance(failure.error, CccThrottled | CccUnavailable):
        return False
    return action.repeatable or failure.surely_not_done


def pause_after(attempt: int, failure: Failure, randomness: random.Random) -> float:
    """Return the seconds before the attempt after this one (the first is 1).

    Anything up to 0.5 s, then 1 s, so that clients refused together do not come back together;
    on top of what CCC itself asked for.
    """
    return failure.retry_after + randomness.uniform(0, FIRST_PAUSE * 2 ** (attempt - 1))
