"""The clients, as a process of their own: picks at a rate, some of them asked again.

Run with a `Plan` as JSON. Each line on its standard input is another rate; it ends with the input.
Each answer is a line of JSON on its standard output. Nobody waits for anybody: a pick is sent when
its time has come, whatever became of those before it.
"""

import asyncio
import sys
import time
from random import Random

import aiohttp
import msgspec
import orjson
import uvloop

from tests.faults.harness.answers import Answer

PATIENCE = 5  # seconds for one answer
UNANSWERED = (0, 503)


class Plan(msgspec.Struct, frozen=True):
    """The load: `again` is the share of calls that are asked again within `again_seconds`."""

    ports: tuple[int, ...]
    groups: tuple[str, ...]
    rate: float
    again: float
    again_seconds: float = 1.5
    callees: int = 3000
    name: str = ""


class Clients:
    """Asks, and writes what came of it.

    Args:
        plan: of the load.
        session: to ask with.
    """

    def __init__(self, plan: Plan, session: aiohttp.ClientSession) -> None:
        self._plan, self._session = plan, session
        self._randomness = Random(plan.name)
        self._tasks: set[asyncio.Task[None]] = set()
        self.rate = plan.rate

    async def run(self, ended: asyncio.Event) -> None:
        """Send new calls until this is set, then wait for what is under way."""
        now = asyncio.get_running_loop().time
        due, call = now(), 0
        while not ended.is_set():
            await asyncio.sleep(max(0.0, due - now()))
            task = asyncio.create_task(self._call(f"{self._plan.name}{call}"))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            due, call = max(due, now() - 1) + 1 / self.rate, call + 1
        await asyncio.gather(*self._tasks)

    async def _call(self, call: str) -> None:
        callee = f"138{self._randomness.randrange(self._plan.callees):08d}"
        group = self._randomness.choice(self._plan.groups)
        if self._randomness.random() >= self._plan.again:
            await self._ask(call, callee, group)
            return
        pause = self._randomness.random() * self._plan.again_seconds
        await asyncio.gather(self._ask(call, callee, group), self._ask(call, callee, group, pause))

    async def _ask(self, call: str, callee: str, group: str, pause: float = 0) -> None:
        """Ask one process, and the other one where the first does not serve, as a dialer does."""
        await asyncio.sleep(pause)
        process = self._randomness.randrange(len(self._plan.ports))
        for place in (process, (process + 1) % len(self._plan.ports)):
            answer = await self._answer(call, callee, group, place)
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            if answer.status not in UNANSWERED:
                break
        sys.stdout.buffer.flush()

    async def _answer(self, call: str, callee: str, group: str, process: int) -> Answer:
        body = {"called_number": callee, "skill_group_ids": [group], "call_id": call}
        url = f"http://127.0.0.1:{self._plan.ports[process]}/v1/pick"
        sent = time.time() * 1000
        status, code, number, source = 0, "", "", ""
        try:
            async with self._session.post(url, json=body) as response:
                status, content = response.status, orjson.loads(await response.read())
            code = content.get("code", "")
            if status == 200:
                number, source = content["data"][0]["caller"]["number"], content["source"]
        except (aiohttp.ClientError, TimeoutError) as error:
            status, code = 0, type(error).__name__
        answered = time.time() * 1000
        return Answer(call, callee, group, process, sent, answered, status, code, number, source)


async def main() -> None:
    """Load as the plan says until the input ends."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    reader, ended = asyncio.StreamReader(), asyncio.Event()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=PATIENCE),
        connector=aiohttp.TCPConnector(limit=0),
        json_serialize=lambda value: orjson.dumps(value).decode(),
    ) as session:
        clients = Clients(plan, session)
        sending = asyncio.create_task(clients.run(ended))
        while line := await reader.readline():
            clients.rate = float(line)
        ended.set()
        await sending


if __name__ == "__main__":
    uvloop.run(main())
