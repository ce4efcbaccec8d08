"""Click to call from a CRM: ask callerid which number to show, however bad the network is.

    python click_to_call.py 13880001234 --skill-group sales@ccc-test
    python click_to_call.py 13880001234 --call-id crm-6f0e… --outcome busy --sip-code 486

One click is one `call_id`: each try of it carries the same, so that a try whose answer was lost was
still counted once, and the next one gets the same number. By it the outcome is told, too.
"""

import argparse
import asyncio
import json
import random
import sys
import uuid
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp

SECONDS_A_TRY = 0.5
SECONDS_IN_ALL = 5.0
FIRST_PAUSE = 0.05  # seconds; doubled from try to try
RESULTS = ("ringing", "in_call", "answered", "no_answer", "busy", "rejected", "blocked", "failed")


class Call(NamedTuple):
    """What to show and what to dial: a callee as the service read it, which is digits and a `+`."""

    caller: str
    callee: str


class Refused(Exception):
    """The service decided against the call; `problem` says why, `retry_after` when to ask again."""

    def __init__(self, problem: dict[str, Any], retry_after: float | None) -> None:
        super().__init__(f"{problem.get('code')}: {problem.get('detail')}")
        self.problem = problem
        self.retry_after = retry_after


class Away(Exception):
    """Nobody decided within the time."""


async def pick(client: aiohttp.ClientSession, url: str, question: dict[str, Any]) -> Call:
    """The number to show, and the one to dial: not what somebody typed, which may be anything.

    Args:
        client: with the bearer token among its headers, where one is needed.
        url: of the service.
        question: as `POST /v1/pick` takes it; its `call_id` the same however often it is asked.

    Raises:
        Refused: the service decided, and against it; trying again changes nothing for now.
        Away: no try of those that the time allows brought a decision.
    """
    answer = await _post(client, f"{url.rstrip('/')}/v1/pick", question)
    (pair, *_) = answer["data"]
    return Call(pair["caller"]["number"], pair["callee"]["number"])


async def tell(client: aiohttp.ClientSession, url: str, outcome: dict[str, Any]) -> None:
    """Tell how the call went on, as `POST /v1/outcomes` takes it; twice is as good as once.

    Raises:
        Refused, Away: as `pick`. Then the number is free again when its lease ends.
    """
    await _post(client, f"{url.rstrip('/')}/v1/outcomes", outcome)


async def _post(client: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer, after as many tries as it takes and the time allows."""
    try:
        async with asyncio.timeout(SECONDS_IN_ALL):
            async for pause in _pauses():
                answer = await _try(client, url, body)
                if isinstance(answer, dict):
                    return answer
                await asyncio.sleep(max(pause, answer))
    except TimeoutError:
        pass
    raise Away(f"no decision within {SECONDS_IN_ALL:g} s")


async def _try(
    client: aiohttp.ClientSession, url: str, body: dict[str, Any]
) -> dict[str, Any] | float:
    """The answer, or the seconds that are to pass before the next try."""
    timeout = aiohttp.ClientTimeout(total=SECONDS_A_TRY)
    try:
        async with client.post(url, json=body, timeout=timeout) as response:
            if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return _retry_after(response) or 0.0
            answer: dict[str, Any] = await response.json(content_type=None)
            if response.status < HTTPStatus.BAD_REQUEST:
                return answer
            raise Refused(answer, _retry_after(response))
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
    """Print what to show and to dial, for whatever places the call; or tell how it went on."""
    headers = {"Authorization": f"Bearer {arguments.token}"} if arguments.token else {}
    async with aiohttp.ClientSession(headers=headers) as client:
        try:
            if arguments.outcome:
                await tell(client, arguments.url, _outcome(arguments))
            else:
                print(json.dumps(await _picked(client, arguments)))
        except (Refused, Away) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


async def _picked(client: aiohttp.ClientSession, arguments: argparse.Namespace) -> dict[str, str]:
    call_id = arguments.call_id or f"crm-{uuid.uuid4()}"
    question = {
        "called_number": arguments.called,
        "skill_group_ids": arguments.skill_group,
        "call_id": call_id,
    }
    call = await pick(client, arguments.url, question)
    return {"caller": call.caller, "callee": call.callee, "call_id": call_id}


def _outcome(arguments: argparse.Namespace) -> dict[str, Any]:
    """The call, and what is known of it: on a SIP code the service may act."""
    told = {
        "call_id": arguments.call_id,
        "called_number": arguments.called,
        "result": arguments.outcome,
        "sip_code": arguments.sip_code,
        "talk_ms": arguments.talk_ms,
    }
    return {name: value for name, value in told.items() if value}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Which number to show to a callee.")
    parser.add_argument("called")
    parser.add_argument("--skill-group", action="append", default=[])
    parser.add_argument("--call-id", help="of the click, where it is tried again or told of")
    parser.add_argument("--outcome", choices=RESULTS, help="tell how the call went on")
    parser.add_argument("--sip-code", type=int, help="with which it ended")
    parser.add_argument("--talk-ms", type=int)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--token", default="")
    sys.exit(asyncio.run(main(parser.parse_args())))
