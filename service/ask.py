"""`callerid pick`: one question to a running service, for people."""

from argparse import Namespace

import aiohttp
import msgspec
import orjson

from service.picking import Pair

TIMEOUT_SECONDS = 10
HTTP_OK = 200


class Answer(msgspec.Struct):
    """The part of an answer that a table shows."""

    data: tuple[Pair, ...]


class Problem(msgspec.Struct):
    """The part of a problem document that a person reads."""

    code: str = "Error"
    detail: str = "no detail was given"


async def ask(arguments: Namespace) -> int:
    """Ask, and print a table or, with `--json`, the answer as it came.

    Returns:
        0 for an answer with numbers, 1 for a refusal or a service out of reach.
    """
    question = {
        "called_number": arguments.called,
        "instance_id": arguments.instance,
        "skill_group_ids": arguments.skill_group,
        "agent_id": arguments.agent,
        "count": arguments.count,
        "dry_run": arguments.dry_run,
    }
    try:
        status, body = await _post(arguments, orjson.dumps(question))
        if arguments.json:
            print(body.decode())
        elif status == HTTP_OK:
            print(table(msgspec.json.decode(body, type=Answer).data))
        else:
            problem = msgspec.json.decode(body, type=Problem)
            print(f"{problem.code}: {problem.detail}")
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        why = str(error) or "it took too long"
        print(f"callerid: no answer of a service at {arguments.url}: {why}")
        return 1
    return int(status != HTTP_OK)


async def _post(arguments: Namespace, question: bytes) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json"}
    if arguments.token:
        headers["Authorization"] = f"Bearer {arguments.token}"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(f"{arguments.url}/v1/pick", data=question, headers=headers) as response,
    ):
        return response.status, await response.read()


def table(pairs: tuple[Pair, ...]) -> str:
    """The callers of an answer, a line each."""
    rows = [("caller", "match", "city", "province")]
    rows += [(one.caller.number, one.match, one.caller.city, one.caller.province) for one in pairs]
    return "\n".join("  ".join(f"{cell:<12}" for cell in row).rstrip() for row in rows)
