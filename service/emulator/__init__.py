"""A look-alike of Alibaba Cloud CCC over HTTP, for the demo and the tests.

It holds an inventory in memory and answers four actions of 2020-07-01 and one of 2017-07-05 as the
API pages and the official SDKs have it, to callers that sign as CCC's do; the SDKs work against it
unchanged. It is not CCC: it writes no XML, its inventory is whatever it was given, and any number
can be added to it.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
from aiohttp import web

from service.addresses import to_listen
from service.ccc.claims import SignedCall
from service.ccc.parameters import Params, check_action, required
from service.emulator import actions, adding, answers
from service.emulator.actions import Account, Locate
from service.emulator.answers import Refusal, refusal_of
from service.emulator.faults import Faults, Row, named
from service.emulator.gate import SignatureGate, read_call
from service.emulator.sample import load_inventory, phone_number, skill_groups
from service.errors import InvalidField

__all__ = ["Emulator", "Faults", "load_inventory", "phone_number", "running", "skill_groups"]

_ACTIONS: dict[str, dict[str, Callable[[Params, Account], dict[str, Any]]]] = {
    "2020-07-01": {
        "ListPhoneNumbers": actions.list_phone_numbers,
        "PickOutboundNumbers": actions.pick_outbound_numbers,
        "GetNumberLocation": actions.get_number_location,
        "AddPhoneNumbers": adding.add_phone_numbers,
    },
    "2017-07-05": {"AddBulkPhoneNumbers": adding.add_bulk_phone_numbers},
}


class Emulator:
    """One Alibaba Cloud account with its CCC instances.

    Everything public may be changed while it runs: `numbers` holds rows of ListPhoneNumbers' shape
    by instance id, `access_keys` secrets by key id, `security_tokens` the STS token by the id of a
    key that needs one. `max_requests_per_second` is the account's, all actions together; None is
    no limit. `calls` counts the requests by action, refused ones too. `lines` holds what
    AddBulkPhoneNumbers is to say of a number in place of the usual, by number.

    `locate` gives a dialled number's province and city, `clock` the unix time in seconds;
    `randomness` decides among equal numbers, makes request ids and shifts pages.
    """

    def __init__(  # noqa: PLR0913 - each is an edge of the process that a test replaces
        self,
        numbers: dict[str, list[Row]],
        access_keys: dict[str, str],
        *,
        locate: Locate,
        clock: Callable[[], float],
        randomness: Random,
        faults: Faults | None = None,
        max_requests_per_second: float | None = None,
    ) -> None:
        self.numbers = numbers
        self.access_keys = access_keys
        self.security_tokens: dict[str, str] = {}
        self.faults = faults or Faults()
        self.max_requests_per_second = max_requests_per_second
        self.calls: Counter[str] = Counter()
        self.lines: dict[str, Row] = {}
        self._locate = locate
        self._clock = clock
        self._randomness = randomness
        self._gate = SignatureGate(clock)
        self._second, self._calls_in_second = 0, 0

    def app(self) -> web.Application:
        """Return the HTTP application: the API at `/`, the fault switches at `/_faults`."""
        app = web.Application()
        app.router.add_get("/", self._answer, allow_head=False)
        app.router.add_post("/", self._answer)
        app.router.add_get("/_faults", self._show_faults)
        app.router.add_put("/_faults", self._set_faults)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        call = await read_call(request)
        self.calls[call.action] += 1
        await asyncio.sleep(self.faults.hang_seconds)
        if self.faults.drop_connection:
            return answers.disconnect(request)
        request_id = str(uuid.UUID(int=self._randomness.getrandbits(128), version=4)).upper()
        try:
            answer = answers.success(self._perform(call), request_id, self.faults)
        except (Refusal, InvalidField) as error:
            refusal = error if isinstance(error, Refusal) else refusal_of(error)
            answer = answers.failure(refusal, request_id, request.host, self.faults)
        if call.action in named(self.faults.lost_answers):
            return answers.disconnect(request)
        return await answers.send(request, answer, self.faults)

    def _perform(self, call: SignedCall) -> dict[str, Any]:
        """Do what a call asks for; refuse in the order in which the gateway and CCC would."""
        if self.faults.server_error:
            raise Refusal(answers.SERVER_ERRORS[self.faults.server_error])
        check_action(call, _ACTIONS)
        self._gate.admit(call, self.access_keys, self.security_tokens)
        self._throttle()
        if self.faults.forbidden or call.action in named(self.faults.denied_actions):
            raise Refusal("Forbidden.RAM")
        rows = self._rows(required(call.params, "InstanceId"))
        account = Account(
            rows, self.numbers, self.lines, self.faults, self._locate, self._randomness
        )
        return _ACTIONS[call.version][call.action](call.params, account)

    def _throttle(self) -> None:
        """Count the call against its second, as the documents state the quotas."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._calls_in_second = second, 0
        self._calls_in_second += 1
        limit, every = self.max_requests_per_second, self.faults.throttle_every
        if limit is not None and self._calls_in_second > limit:
            raise Refusal("Throttling.User")
        if every and self.calls.total() % every == 0:
            raise Refusal("Throttling.User")

    def _rows(self, instance_id: str) -> list[Row]:
        if instance_id not in self.numbers:
            raise Refusal("NotExists.InstanceId", instance_id)
        rows = self.numbers[instance_id]
        if self.faults.shifting_pages and rows:
            start = self._randomness.randrange(len(rows))
            return rows[start:] + rows[:start]
        return rows

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self.faults), content_type="application/json")

    async def _set_faults(self, request: web.Request) -> web.Response:
        """Set the switches named in the body, and reset all others."""
        try:
            self.faults = msgspec.json.decode(await request.read(), type=Faults)
        except msgspec.DecodeError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        return await self._show_faults(request)


@asynccontextmanager
async def running(emulator: Emulator, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an emulator while the block runs, and yield its address, such as `127.0.0.1:8081`.

    Args:
        emulator: What answers.
        host: Where to listen.
        port: Where to listen; 0 takes a free one.

    Raises:
        CannotListen: The address is taken or not this machine's.
    """
    # A call that hangs on purpose ends with its connection, and does not delay the end.
    runner = web.AppRunner(
        emulator.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        with to_listen(host, port):
            await web.TCPSite(runner, host, port).start()
        yield f"{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
