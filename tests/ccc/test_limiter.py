"""The limit of one process, on a clock that only sleeping moves."""

import asyncio
import math

import pytest

from service.ccc.limiter import LocalLimiter, pace_of


class Clock:
    """A clock whose time passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.now + seconds, woken))
        await woken.wait()

    async def run_until(self, instant: float) -> None:
        """Wake the sleepers in order until `instant`."""
        await settle()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= instant]:
            first = min(due, key=lambda sleeper: sleeper[0])
            self._sleepers.remove(first)
            self.now = max(self.now, first[0])
            first[1].set()
            await settle()
        self.now = instant


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def limiter_of(rate: float) -> tuple[LocalLimiter, Clock]:
    clock = Clock()
    return LocalLimiter(rate, clock=clock, sleep=clock.sleep), clock


async def flood(
    limiter: LocalLimiter, clock: Clock, times: list[float], *, background: bool
) -> None:
    while True:
        await limiter.acquire(background=background)
        times.append(clock())


@pytest.mark.parametrize("rate", [0.5, 1, 2.5, 7, 20, 100])
@pytest.mark.parametrize("background", [False, True])
async def test_no_second_ever_sees_more_than_the_rate(rate: float, *, background: bool) -> None:
    limiter, clock = limiter_of(rate)
    times: list[float] = []
    task = asyncio.create_task(flood(limiter, clock, times, background=background))
    await clock.run_until(clock() + 10)
    task.cancel()
    # A window of a second, or of as long as one request takes where that is longer.
    window = max(1, 1 / rate)
    most = max(sum(start <= time < start + window - 1e-6 for time in times) for start in times)
    assert 1 <= most <= max(1, math.ceil(rate))


async def test_a_quarter_of_the_rate_may_come_at_once_and_the_rest_is_spread() -> None:
    limiter, clock = limiter_of(20)
    assert [await limiter.try_acquire() for _ in range(6)] == [True] * 5 + [False]
    clock.now += limiter.pace.interval
    assert [await limiter.try_acquire() for _ in range(2)] == [True, False]
    clock.now += 60
    assert [await limiter.try_acquire() for _ in range(6)] == [True] * 5 + [False]


async def test_a_busy_background_leaves_tokens_for_the_foreground() -> None:
    limiter, clock = limiter_of(20)
    times: list[float] = []
    task = asyncio.create_task(flood(limiter, clock, times, background=True))
    await clock.run_until(clock() + 3)
    free = [await limiter.try_acquire() for _ in range(5)]
    task.cancel()
    assert free[:2] == [True, True]
    assert not free[4]
    assert len(times) > 40


@pytest.mark.parametrize("rate", [1, 2, 20])
async def test_the_background_waits_while_the_foreground_asks(rate: float) -> None:
    limiter, clock = limiter_of(rate)
    picks: list[float] = []
    sweeps: list[float] = []
    tasks = [
        asyncio.create_task(flood(limiter, clock, sweeps, background=True)),
        asyncio.create_task(flood(limiter, clock, picks, background=False)),
    ]
    await clock.run_until(clock() + 10)
    begun = len(sweeps)
    await clock.run_until(clock() + 10)
    assert len(sweeps) == begun
    tasks[1].cancel()
    await clock.run_until(clock() + 10)
    assert len(sweeps) > begun
    tasks[0].cancel()
    assert len(picks) >= 2 * begun


async def test_the_foreground_is_served_in_order_of_arrival() -> None:
    limiter, clock = limiter_of(1)
    served: list[int] = []

    async def ask(number: int) -> None:
        await limiter.acquire()
        served.append(number)

    tasks = [asyncio.create_task(ask(number)) for number in range(5)]
    await clock.run_until(clock() + 10)
    assert served == [0, 1, 2, 3, 4]
    await asyncio.gather(*tasks)


async def test_a_waiter_that_gives_up_takes_no_token_and_holds_up_nobody() -> None:
    limiter, clock = limiter_of(1)
    await limiter.acquire()
    gone = asyncio.create_task(limiter.acquire())
    next_one = asyncio.create_task(limiter.acquire())
    await settle()
    gone.cancel()
    await clock.run_until(clock() + 1)
    assert next_one.done()
    assert gone.cancelled()


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        pace_of(rate)


async def test_one_with_much_to_ask_does_not_hold_up_many_with_little() -> None:
    """A sweep has five pages under way at once, whatever it has to read: so turns go around."""
    limiter, clock = limiter_of(20)
    done: dict[str, float] = {}

    async def sweep(name: str, pages: int) -> None:
        left = iter(range(pages))

        async def worker() -> None:
            for _ in left:
                await limiter.acquire(background=True)
            done[name] = clock()

        await asyncio.gather(*(worker() for _ in range(5)))

    start = clock()
    sweeps = [asyncio.create_task(sweep("large", 600))]
    sweeps += [asyncio.create_task(sweep(f"small {n}", 5)) for n in range(20)]
    await clock.run_until(start + 60)
    await asyncio.gather(*sweeps)
    large = done.pop("large") - start
    assert max(done.values()) - start < 12 < large  # 105 tokens at 16 a second, and one round
