"""What the tests of the HTTP side share: the application around a fake picker, and raw sockets."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import msgspec
import orjson
from aiohttp import web
from yarl import URL

from service import api
from service.api.examples import COVERAGE, EXPERIMENT
from service.api.nonces import Nonces
from service.coverage.report import Coverage
from service.errors import LedgerUnavailable
from service.experiment.report import ExperimentReport
from service.inventory import Inventory, PhoneNumber
from service.ledger import LocalLedger
from service.metrics import Metrics
from service.numbers import NumberPage, NumberQuery, NumberResult, Result
from service.numbers.coverages import NamedRow
from service.numbers.parking import Steps
from service.outcomes import OutcomeReport
from service.picking import Pair, PickAnswer, PickRequest, PlacedNumber
from service.provisioning import Addition, AddRequest, BulkRequest
from service.reports.calls import CallCounter
from service.reports.report import CallRow
from service.reports.rows import LocalRows
from service.settings import (
    AccessKeySettings,
    Auth,
    Client,
    InstanceSettings,
    Secret,
    Server,
    Settings,
)
from service.sync import SweepReport
from tests.callees import callees_over
from tests.fakes import in_place_of
from tests.http.console_fixtures import FakeOverviews, FakeTrials

GROUP = "sales@ccc-test"
NOON = datetime(2026, 1, 2, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
CALLED = "13888888888"
FORM = "application/x-www-form-urlencoded"
PICK = b'{"called_number": "13888888888", "skill_group_ids": ["sales@ccc-test"]}'

CALLEE = PlacedNumber(CALLED, "云南", "昆明")
ANSWER = PickAnswer(
    "redis",
    (
        Pair(PlacedNumber("087155500001", "云南", "昆明"), CALLEE, "city"),
        Pair(PlacedNumber("01055500002", "北京", "北京"), CALLEE, "any"),
    ),
)
NUMBERS = (
    PhoneNumber("01055500001", "北京", "北京", "010", skill_group_ids=(GROUP,), tags=("M1", "M2")),
    PhoneNumber("01055500002", "北京", "北京", "010", "Outbound", skill_group_ids=(GROUP,)),
    PhoneNumber("02855500003", "四川", "成都", "028", "Inbound", skill_group_ids=(GROUP,)),
    PhoneNumber("02855500004", "四川", "成都", "028", active=False, skill_group_ids=(GROUP,)),
    PhoneNumber("02855500005", "四川", "成都", "028", agent_id="amy@ccc-test", provider="alicom"),
)


class FakePicker:
    """Answers every pick alike, or raises; `gate` holds the answers back while it is shut."""

    def __init__(self) -> None:
        self.asked: list[PickRequest] = []
        self.error: Exception | None = None
        self.answer = ANSWER
        self.gate = asyncio.Event()
        self.gate.set()

    async def pick(self, request: PickRequest) -> PickAnswer:
        self.asked.append(request)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.answer


class FakeOutcomes:
    """Takes every report, or raises."""

    def __init__(self) -> None:
        self.told: list[OutcomeReport] = []
        self.error: Exception | None = None

    async def report(self, report: OutcomeReport) -> None:
        self.told.append(report)
        if self.error is not None:
            raise self.error


class FakeDirectory:
    """Gives one page to every query."""

    def __init__(self) -> None:
        self.asked: list[NumberQuery] = []
        self.next_page = NumberPage((), 1, 20, 0, "known")

    async def page(self, query: NumberQuery) -> NumberPage:
        self.asked.append(query)
        return self.next_page

    async def matching(self, query: NumberQuery) -> list[PhoneNumber]:
        self.asked.append(query)
        return list(NUMBERS)


class FakeParking:
    """Parks and lifts whatever it is told to, with the results that a test wants, or raises."""

    def __init__(self) -> None:
        self.parked: list[tuple[str, Sequence[str], int, str, str]] = []
        self.lifted: list[tuple[str, Sequence[str], str]] = []
        self.results: dict[str, Result] = {}  # of those that are not changed
        self.error: Exception | None = None
        self.works_for = 0  # numbers, before it raises

    def now(self, _instance_id: str) -> int:
        return 1_042_000

    def park(
        self, instance_id: str, numbers: Sequence[str], until: int, *, by: str, words: str
    ) -> Steps:
        self.parked.append((instance_id, numbers, until, by, words))
        return self._changed(numbers, "parked")

    def lift(self, instance_id: str, numbers: Sequence[str], reason: str) -> Steps:
        self.lifted.append((instance_id, numbers, reason))
        return self._changed(numbers, "unparked")

    async def _changed(self, numbers: Sequence[str], done: Result) -> Steps:
        some = numbers if self.error is None else numbers[: self.works_for]
        yield [NumberResult(number, self.results.get(number, done)) for number in some]
        if self.error is not None:
            raise self.error


class FakeCoverages:
    """Gives one plan to whoever asks, or raises."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, list[NamedRow] | None]] = []
        self.next = COVERAGE
        self.error: Exception | None = None

    async def of(
        self, instance_id: str, buy: int, demand: Iterable[NamedRow] | None = None
    ) -> Coverage:
        if self.error is not None:
            raise self.error
        self.asked.append((instance_id, buy, None if demand is None else list(demand)))
        return self.next


class FakeExperiment:
    """Reports the same to whoever asks, or raises."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def report(self) -> ExperimentReport:
        if self.error is not None:
            raise self.error
        return EXPERIMENT


class FragileRows(LocalRows):
    """Rows that can be out of reach from some reading on."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 1000  # that there will be

    async def read(self, name: str) -> Mapping[str, CallRow]:
        self.readings -= 1
        if self.readings < 0:
            raise LedgerUnavailable("Redis is away")
        return await super().read(name)


class FakeProvisioner:
    """Adds whatever it is told to but for what a test says, or raises."""

    def __init__(self) -> None:
        self.asked: list[AddRequest | BulkRequest] = []
        self.addition = Addition(added=("01055500001",), failed=("01055500002",))
        self.bulk = Addition(
            added=("01055500001",), failed=(), in_use=("01055500002",), in_arrears=("01055500003",)
        )
        self.error: Exception | None = None

    async def add(self, request: AddRequest | BulkRequest, request_id: str) -> Addition:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return self.bulk if isinstance(request, BulkRequest) else self.addition


class FakeKeeper:
    """Holds an inventory; a refresh gives the report that the test put there."""

    def __init__(self, instance_id: str = "ccc-test", *, empty: bool = False) -> None:
        self.inventory = None if empty else Inventory(instance_id, 7, NUMBERS)
        self.age = None if empty else 42.0
        self.is_stale = empty
        self.last_sweep = SweepReport()
        self.accepted_shrink: list[bool] = []
        self.next_report = SweepReport("accepted", 1000.0, 0.5, total=5)

    async def refresh(self, *, accept_shrink: bool) -> SweepReport:
        self.accepted_shrink.append(accept_shrink)
        self.last_sweep = self.next_report
        return self.next_report


class Answer(msgspec.Struct):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Service:
    """One application on a port of its own, with everything that a test may turn."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or settings_with()
        self.picker = FakePicker()
        self.outcomes = FakeOutcomes()
        self.directory = FakeDirectory()
        self.parking = FakeParking()
        self.provisioner = FakeProvisioner()
        self.nonces: Nonces | None = None
        self.now = 0.0  # the timer's seconds
        self.body_seconds = 0.03
        self.clock: Callable[[], float] = lambda: 1042.0
        self.overviews = FakeOverviews()
        self.trials = FakeTrials()
        self.coverages = FakeCoverages()
        self.experiments = {one.id: FakeExperiment() for one in self.settings.instances}
        self.ledger = LocalLedger(lambda: 1_042_000)
        ids = [one.id for one in self.settings.instances]
        self.callees = callees_over(self.ledger, *ids)
        self.rows = FragileRows()
        calls = CallCounter(self.rows, lambda: NOON, lambda: None)
        self.calls = {one.id: calls for one in self.settings.instances}
        self.keepers = {one.id: FakeKeeper(one.id) for one in self.settings.instances}
        self.metrics = Metrics()
        self.health = api.Components({"ccc-test": "ready"}, "up", draining=False)
        self.runner: web.AppRunner | None = None
        self.address = ""
        self.port = 0

    def app(self) -> web.Application:
        ids = itertools.count(1)
        return api.build(
            api.Parts(
                self.settings,
                in_place_of(self.picker),
                in_place_of(self.outcomes),
                in_place_of(self.directory),
                in_place_of(self.parking),
                in_place_of(self.provisioner),
                in_place_of(self.keepers),
                self.metrics,
                lambda: self.health,
                lambda: self.health.draining,
                lambda: f"made-{next(ids)}",
                lambda: self.now,
                in_place_of(self.overviews),
                in_place_of(self.trials),
                in_place_of(self.coverages),
                in_place_of(self.experiments),
                self.callees,
                self.calls,
                self.clock,
                body_seconds=self.body_seconds,
                nonces=self.nonces,
            )
        )

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"callerid_{name}", labels)


def settings_with(
    *instances: str,
    clients: tuple[Client, ...] = (),
    keys: tuple[AccessKeySettings, ...] = (),
    required: Any = "auto",
    limit: int = 100,
) -> Settings:
    return Settings(
        server=Server(max_in_flight=limit, allowed_hosts=("x",)),  # as raw requests call it
        auth=Auth(required=required, clients=clients, access_keys=keys),
        instances=tuple(InstanceSettings(id=name) for name in instances or ("ccc-test",)),
    )


def client_with(token: str, *scopes: Any) -> Client:
    return Client(name=token, token=Secret(token), scopes=scopes)


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[Service]:
    runner = api.make_runner(service.app())
    await runner.setup()
    try:
        await api.Site(runner, "127.0.0.1", 0).start()
        service.runner = runner
        service.port = runner.addresses[0][1]
        service.address = f"http://127.0.0.1:{service.port}"
        yield service
    finally:
        await runner.cleanup()


async def ask(
    service: Service, method: str, path: str, body: bytes | None = None, **headers: str
) -> Answer:
    """One request over a connection of its own; `headers` with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session,
        session.request(
            method, URL(service.address + path, encoded=True), data=body, headers=named
        ) as response,
    ):
        return Answer(response.status, response.headers, await response.read())


async def picked(service: Service, body: bytes = PICK, **headers: str) -> Answer:
    """A pick in JSON."""
    return await ask(
        service, "POST", "/v1/pick", body, **{"Content_Type": "application/json", **headers}
    )


async def picked_by_form(service: Service, body: bytes, query: str = "") -> Answer:
    return await ask(service, "POST", f"/v1/pick{query}", body, Content_Type=FORM)


async def raw(service: Service, request: bytes, rest: bytes = b"") -> bytes:
    """The answer to these very bytes; `rest` follows it, so that nobody waits for a body's end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        writer.write(request)
        answer = await whole_answer(reader)
        writer.write(rest)
        await writer.drain()
        return answer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def whole_answer(reader: asyncio.StreamReader) -> bytes:
    """One answer, by its Content-Length."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    length = re.search(rb"(?i)content-length: ([0-9]+)", head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0
