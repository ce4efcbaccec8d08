"""Sides measured by turns in one run, so that a busy moment of the machine is in all of them."""

import sys
from collections.abc import Callable, Mapping
from statistics import median

import msgspec
from redis import Redis

from tests.bench.load import Figures, Load, run
from tests.bench.stage import Server
from tests.conftest import RedisServer

# What a pick is to Redis. What a script calls is in the script's own time already.
SCRIPT_COMMANDS = ("cmdstat_eval", "cmdstat_evalsha", "cmdstat_fcall")

REFUSED_AT_MOST = 0.001  # of the picks: a machine that stands still for a moment has some refused
TRIES = 3  # of a turn in which more were


class Side(msgspec.Struct, frozen=True):
    """A server, what is sent to it, and the Redis that it asks, where its time is wanted."""

    server: Server
    load: Load
    redis: RedisServer | None = None


class Turn(msgspec.Struct, frozen=True):
    """One side's share of one round."""

    figures: Figures
    cpu_micros: float  # of the server process, for each pick
    redis_micros: float  # of Redis's scripts, for each pick


Rounds = dict[str, list[Turn]]


def measure(sides: Mapping[str, Side], rounds: int) -> Rounds:
    """Let the sides take turns, in the opposite order each other round; the first is not kept."""
    found: Rounds = {name: [] for name in sides}
    for number in range(rounds + 1):
        order = list(sides) if number % 2 else list(sides)[::-1]
        for name in order:
            turn = _turn(sides[name])
            if number:
                found[name].append(turn)
    return found


def ratio(rounds: Rounds, one: str, other: str, value: Callable[[Turn], float]) -> float:
    """The median over the rounds of one side's value to the other's in the same round."""
    pairs = zip(rounds[one], rounds[other], strict=True)
    return median(value(mine) / value(theirs) for mine, theirs in pairs)


def middle(rounds: Rounds, name: str, value: Callable[[Turn], float]) -> float:
    """The median over the rounds of one side's value."""
    return median(map(value, rounds[name]))


def per_second(turn: Turn) -> float:
    """Picks a second."""
    return turn.figures.per_second


def p99(turn: Turn) -> float:
    """The time of all but a hundredth of the picks, in ms."""
    return turn.figures.p99_ms


def p50(turn: Turn) -> float:
    """The median time of a pick, in ms."""
    return turn.figures.p50_ms


def cpu(turn: Turn) -> float:
    """Microseconds of the server process for a pick."""
    return turn.cpu_micros


def redis_time(turn: Turn) -> float:
    """Microseconds of Redis for a pick."""
    return turn.redis_micros


def _turn(side: Side) -> Turn:
    for _ in range(TRIES):
        cpu_before, redis_before = side.server.cpu_seconds, _script_micros(side.redis)
        figures = run(side.server.port, side.load)
        if figures.not_ok <= figures.picks * REFUSED_AT_MOST:
            return Turn(
                figures,
                1e6 * (side.server.cpu_seconds - cpu_before) / figures.picks,
                (_script_micros(side.redis) - redis_before) / figures.picks,
            )
    sys.exit(
        f"{figures.not_ok} of {figures.picks} picks were refused, and as many in the {TRIES - 1}"
        " turns before: this machine is too busy, ask again when nothing else runs on it"
    )


def _script_micros(server: RedisServer | None) -> int:
    if server is None:
        return 0
    with Redis(port=server.port) as client:
        stats = client.info("commandstats")
    return sum(stats[name]["usec"] for name in SCRIPT_COMMANDS if name in stats)
