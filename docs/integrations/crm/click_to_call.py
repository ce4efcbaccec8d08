"""Click to call from a CRM: ask callerid which number to show, however bad the network is.

    python click_to_call.py 13880001234 --skill-group sales@ccc-test

One click is one `call_id`: each try of it carries the same, so that a try whose answer was lost was
still counted once, and the next one gets the same number.
"""

import argparse
import asyncio
import json
import random
import sys
import uuid
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import aiohttp

SECONDS_A_TRY = 0.5
SECONDS_IN_ALL = 5.0
FIRST_PAUSE = 0.05  # seconds; doubled from try to try


class Refused(Exception):
    """The service decided against the call; `problem` says why, `retry_after` when to ask again."""

    def __init__(self, problem: dict[str, Any], retry_after: float | None) -> None:
        super().__init__(f"{problem.get('code')}: {problem.get('detail')}")
        self.problem = problem
        self.retry_after = retry_after


class Away(Exception):
    """Nobody decided within the time."""


async def pick(client: aiohttp.ClientSession, url: str, question: dict[str, Any]) -> str:
    """The number to show.

    Args:
        client: with the bearer token among its headers, where one is needed.
        url: of the service.
        question: as `POST /v1/pick` takes it; its `call_id` the same however often it is asked.

    Raises:
        Refused: the service decided, and against it; trying again changes nothing for now.
        Away: no try of those that the time allows brought a decision.
    """
    try:
        async with asyncio.timeout(SECONDS_IN_ALL):
            async for pause in _pauses():
                answer = await _try(client, url, question)
                if isinstance(answer, str):
                    return answer
                await asyncio.sleep(max(pause, answer))
    except TimeoutError:
        pass
    raise Away(f"no decision within {SECONDS_IN_ALL:g} s")


async def _try(client: aiohttp.ClientSession, url: str, question: dict[str, Any]) -> str | float:
    """The number, or the seconds that are to pass before the next try."""
    timeout = aiohttp.ClientTimeout(total=SECONDS_A_TRY)
    try:
        async with client.post(f"{url}/v1/pick", json=question, timeout=timeout) as response:
            if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return _retry_after(response) or 0.0
            body = await response.json(content_type=None)
            if response.status == HTTPStatus.OK:
                number: str = body["data"][0]["caller"]["number"]
                return number
            raise Refused(body, _retry_after(response))
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return 0.0


async def _pauses() -> AsyncIterator[float]:
    """Ever longer, each by chance: many clients that failed together do not come back together."""
    longest = FIRST_PAUSE
    while True:
        yield random.uniform(0, longest)
        longest *= 2


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    told = response.headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else None


async def main(arguments: argparse.Namespace) -> int:
    """Print the number to show; hand it to whatever places the call."""
    question = {
        "called_number": arguments.called,
        "skill_group_ids": arguments.skill_group,
        "call_id": arguments.call_id or f"crm-{uuid.uuid4()}",
    }
    headers = {"Authorization": f"Bearer {arguments.token}"} if arguments.token else {}
    async with aiohttp.ClientSession(headers=headers) as client:
        try:
            caller = await pick(client, arguments.url, question)
        except (Refused, Away) as error:
            print(error, file=sys.stderr)
            return 1
    print(json.dumps({"caller": caller, "call_id": question["call_id"]}))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Which number to show to a callee.")
    parser.add_argument("called")
    parser.add_argument("--skill-group", action="append", required=True)
    parser.add_argument("--call-id", help="of the click, where it is tried again by hand")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--token", default="")
    sys.exit(asyncio.run(main(parser.parse_args())))
