"""The client of CCC: signs, asks under the rate limit, tries again where that can help.

One session, so that connections live on between calls (Alibaba's SDK opens one for each). It knows
the wire and nothing of inventories or picks.
"""

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import aiohttp
from yarl import URL

from service.ccc.additions import (
    AdditionAnswer,
    AdditionBatch,
    add_bulk_phone_numbers,
    add_phone_numbers,
)
from service.ccc.credentials import Credentials
from service.ccc.limiter import Limiter
from service.ccc.payloads import (
    ListedPage,
    NumberPair,
    PickedNumber,
    number_location,
    number_page,
    number_pairs,
)
from service.ccc.replies import CccReply, Failure, read_body, read_reply
from service.ccc.requests import (
    MAX_ATTEMPTS,
    Action,
    AnyAction,
    Stamp,
    given,
    may_repeat,
    pause_after,
    signed,
)
from service.errors import CccMalformed, CccThrottled, CccUnavailable, CccUnreachable

LARGE_BYTES = 64 * 1024  # decoded in a thread: it takes longer than a pick can wait

Answer = TypeVar("Answer")
Observe = Callable[[str, str, float], None]

PICK_OUTBOUND_NUMBERS = Action("PickOutboundNumbers", number_pairs)
GET_NUMBER_LOCATION = Action("GetNumberLocation", number_location)


class CccClient:
    """Asks CCC, on behalf of one account. Every method raises CccError as `call` does."""

    def __init__(  # noqa: PLR0913 -- keywords all, and each is the outside world of one kind
        self,
        session: aiohttp.ClientSession,
        endpoint: str,
        credentials: Credentials,
        limiter: Limiter,
        *,
        timeout: float,
        clock: Callable[[], float],
        randomness: random.Random,
        observe: Observe,
    ) -> None:
        """Take the session of `open_session` and the endpoint's address, `https://host`.

        `timeout` bounds a call with its repetitions, in seconds. `clock` gives Unix time. Give
        `random.SystemRandom()` as `randomness`: nonces come from it, and those of two processes
        must never meet. `observe(action, code, seconds)` is told of each attempt: OK, Alibaba's
        code, or `Timeout`, `Connection`, `Malformed`.
        """
        self._session = session
        self._endpoint = URL(endpoint).origin()
        self._host = self._endpoint.host_port_subcomponent or ""
        self._credentials = credentials
        self._limiter = limiter
        self._timeout = timeout
        self._clock = clock
        self._randomness = randomness
        self._observe = observe

    async def list_phone_numbers(  # noqa: PLR0913 -- the filters are CCC's, all by keyword
        self,
        instance_id: str,
        *,
        page_number: int = 1,
        page_size: int = 100,
        search_pattern: str = "",
        usage: str = "",
        active: bool | None = None,
        background: bool = True,
        read: Callable[[CccReply], ListedPage] = number_page,
    ) -> ListedPage:
        """Return a page of an instance's numbers; pages and their size go from 1 to 100.

        Empty filters let everything through; `search_pattern` matches anywhere in a number.
        """
        params = {
            "InstanceId": instance_id,
            "PageNumber": str(page_number),
            "PageSize": str(page_size),
            "SearchPattern": search_pattern,
            "Usage": usage,
            "Active": "" if active is None else str(active),  # True and False, as the SDK has them
        }
        action = Action("ListPhoneNumbers", read)
        return await self.call(action, given(params), background=background)

    async def pick_outbound_numbers(
        self,
        instance_id: str,
        called_number: str,
        skill_group_ids: Sequence[str],
        count: int = 1,
        *,
        wait: bool = True,
    ) -> tuple[NumberPair, ...]:
        """Return CCC's own choice for a callee; `wait=False` as in `call`. It may be empty."""
        params = {
            "InstanceId": instance_id,
            "CalledNumber": called_number,
            "SkillGroupIdList": json.dumps(list(skill_group_ids), ensure_ascii=False),
            "Count": str(count),
        }
        return await self.call(PICK_OUTBOUND_NUMBERS, params, wait=wait)

    async def add_phone_numbers(self, batch: AdditionBatch) -> AdditionAnswer:
        """Add numbers to an instance."""
        return await self.call(add_phone_numbers(batch), batch.params)

    async def add_bulk_phone_numbers(self, batch: AdditionBatch) -> AdditionAnswer:
        """Add numbers to an instance and bind them to skill groups."""
        return await self.call(add_bulk_phone_numbers(batch), batch.bulk_params)

    async def get_number_location(self, instance_id: str, number: str) -> PickedNumber:
        """Return where CCC believes a number to be at home."""
        params = {"InstanceId": instance_id, "Number": number}
        return await self.call(GET_NUMBER_LOCATION, params, background=True)

    async def call(
        self,
        action: Action[Answer],
        params: Mapping[str, str],
        *,
        background: bool = False,
        wait: bool = True,
    ) -> Answer:
        """Ask for an action under the rate limit, up to three times within the timeout.

        Whoever must not wait says `wait=False`: one attempt, and only if a token is free now. The
        wait for the first token is not part of the timeout.

        Raises CccRefused, CccThrottled (code `Throttling.Local` when no token was free),
        CccUnavailable or CccMalformed, as the last attempt ended.
        """
        if wait:
            await self._limiter.acquire(background=background)
        elif not await self._limiter.try_acquire():
            raise CccThrottled("Throttling.Local", "our own rate limit has no token free now")
        attempts = MAX_ATTEMPTS if wait else 1
        outcome = await self._attempts(action, params, attempts, background=background)
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    async def _attempts(
        self, action: Action[Answer], params: Mapping[str, str], most: int, *, background: bool
    ) -> Answer | Failure:
        deadline = _now() + self._timeout
        for attempt in range(1, most):
            left = deadline - _now()
            # An attempt that hangs leaves as much again to the next, where there can be one.
            outcome = await self._attempt(action, params, left / 2 if action.repeatable else left)
            if not isinstance(outcome, Failure) or not may_repeat(action, outcome):
                return outcome
            pause = pause_after(attempt, outcome, self._randomness)
            if not await self._may_go_on(pause, deadline, background=background):
                return outcome
        return await self._attempt(action, params, deadline - _now())

    async def _may_go_on(self, pause: float, deadline: float, *, background: bool) -> bool:
        """Pause and wait for the next token, unless the call's time does not allow it."""
        if _now() + pause >= deadline:
            return False
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.sleep(pause)
                await self._limiter.acquire(background=background)
        except TimeoutError:
            return False
        return True

    async def _attempt(
        self, action: Action[Answer], params: Mapping[str, str], limit: float
    ) -> Answer | Failure:
        begun = _now()
        outcome = await self._outcome(action, params, limit)
        code = outcome.error.ccc_code if isinstance(outcome, Failure) else "OK"
        self._observe(action.name, code, _now() - begun)
        return outcome

    async def _outcome(
        self, action: Action[Answer], params: Mapping[str, str], limit: float
    ) -> Answer | Failure:
        try:
            async with asyncio.timeout(limit):
                status, body, retry_after = await self._send(action, params)
            read = partial(_read, action, status, body, retry_after)
            return await asyncio.to_thread(read) if len(body) > LARGE_BYTES else read()
        except CccMalformed as error:
            return Failure(error)
        except TimeoutError:
            return Failure(CccUnavailable("Timeout", f"no answer within {limit:.1f} s"))
        except aiohttp.ClientConnectorError as error:
            return Failure(CccUnreachable("Connection", str(error)), surely_not_done=True)
        except (aiohttp.ClientError, OSError) as error:
            # Its text may hold the address that was asked, and so the numbers in it.
            name = type(error).__name__
            return Failure(CccUnavailable("Connection", f"the connection broke: {name}"))

    async def _send(self, action: AnyAction, params: Mapping[str, str]) -> tuple[int, bytes, str]:
        """Send a request; returns of the reply what `read_reply` takes."""
        key = await self._credentials.get()
        request = signed(action, params, key, self._host, self._stamp())
        # Quoted by us: yarl's own quoting differs from what is signed, in spaces and in `@*/,`.
        url = URL(f"{self._endpoint}/?{request.query}", encoded=True)
        async with self._session.post(
            url, data=request.form or None, headers=request.headers, allow_redirects=False
        ) as response:
            retry_after = response.headers.get("x-acs-retry-after", "")
            return response.status, await read_body(response.content.iter_any()), retry_after

    def _stamp(self) -> Stamp:
        date = datetime.fromtimestamp(self._clock(), UTC)
        return Stamp(date, f"{self._randomness.getrandbits(128):032x}")


def _read(action: Action[Answer], status: int, body: bytes, retry_after: str) -> Answer | Failure:
    reply = read_reply(status, body, retry_after)
    return reply if isinstance(reply, Failure) else action.decode(reply)


def _now() -> float:
    return asyncio.get_running_loop().time()
