"""Kamailio with the configuration of the manual, between a dialer and a trunk that sipp plays."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.integrations.calls import (
    HOSTILE,
    ONE_CALL_EACH,
    ONE_PER_CALLEE,
    is_stopped,
    stopping_at,
    told,
)
from tests.integrations.programs import PAGES, running
from tests.integrations.sip import (
    LOOPBACK,
    answer_to,
    dial,
    free_udp_port,
    header,
    trunk,
    until_listening,
)
from tests.integrations.way import way_to
from tests.programs import program
from tests.waiting import eventually
from tests.whole.services import chengdu_numbers, emulator_of, service_over

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

OWN = [f"0285550000{last}" for last in range(4)]


@asynccontextmanager
async def kamailio(
    directory: Path, url: str, trunk_port: int, *defines: str, trunk_host: str = LOOPBACK
) -> AsyncIterator[int]:
    """Kamailio in the foreground, by its port."""
    port = free_udp_port()
    given = (
        f"LISTEN=udp:127.0.0.1:{port}",
        f'TRUNK="sip:{trunk_host}:{trunk_port}"',
        f'CALLERID_URL="{url}"',
        *defines,
    )
    command = [
        *(program("kamailio"), "-DD", "-E", "-m", "32"),
        *("-f", str(PAGES / "kamailio" / "kamailio.cfg"), "-Y", str(directory)),
        *(word for define in given for word in ("-A", define)),
    ]
    async with running(*command, directory=directory):
        await until_listening(port)
        yield port


async def test_a_callee_is_shown_the_picked_number_and_the_dialer_its_own(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(4))) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        call = await dial(tmp_path, port, call_id="first@dialer")
        assert call.status == 0, call.output
        (invite,) = line.invites
        assert re.match(r"<sip:02855500000@127\.0\.0\.1[^>]*>;tag=", header(invite, "From"))
        identity = header(invite, "P-Asserted-Identity")
        assert identity == "<sip:02855500000@127.0.0.1;user=phone>"
        assert header(invite, "P-Preferred-Identity") == ""
        answers = re.findall(r"^SIP/2.0 .*?\n\r?\n", call.output, re.DOTALL | re.MULTILINE)
        assert len(answers) >= 3
        assert all("<sip:agent17@" in header(answer, "From") for answer in answers)


async def test_each_call_shows_the_next_number(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(4))) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        for _ in range(4):
            assert (await dial(tmp_path, port)).status == 0
        assert line.shown == OWN


async def test_a_call_that_is_tried_again_shows_the_same_number_counted_once(
    tmp_path: Path,
) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(4))) as service,
        trunk(tmp_path, "refuses", status=480) as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        for _ in range(2):
            done = await dial(tmp_path, port, "refused", call_id="again@dialer", status=480)
            assert done.status == 0, done.output
        assert line.shown == OWN[:1] * 2
        _, listed = await service.get("/v1/numbers")
        assert sum(number["used_day"] for number in listed["data"]) == 1


async def test_a_call_holds_its_number_until_it_is_hung_up(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        assert (await dial(tmp_path, port)).status == 0
        await eventually(lambda: told(service, "answered") == 1)
        assert told(service, "in_call") == 1
        assert (await dial(tmp_path, port)).status == 0
        assert line.shown == OWN[:1] * 2


@pytest.mark.parametrize(
    ("status", "result"),
    [(486, "busy"), (480, "no_answer"), (603, "rejected"), (607, "blocked"), (502, "failed")],
)
async def test_how_a_call_failed_is_told_and_its_number_is_free_again(
    tmp_path: Path, status: int, result: str
) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as service,
        trunk(tmp_path, "refuses", status=status) as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        done = await dial(tmp_path, port, "refused", status=status)
        assert done.status == 0, done.output
        await eventually(lambda: told(service, result) == 1)
        assert (await service.pick())[0] == 200


async def test_the_code_of_the_trunk_stops_the_callee_where_the_configuration_says_so(
    tmp_path: Path,
) -> None:
    async with (
        stopping_at(607) as service,
        trunk(tmp_path, "refuses", status=607) as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        assert (await dial(tmp_path, port, "refused", status=607)).status == 0
        await eventually(lambda: told(service, "blocked") == 1)
        assert await is_stopped(service)


async def test_a_caller_who_hangs_up_before_the_answer_leaves_no_answer(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as service,
        trunk(tmp_path, "rings") as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        done = await dial(tmp_path, port, "cancelled")
        assert done.status == 0, done.output
        await eventually(lambda: told(service, "no_answer") == 1)


async def test_a_callee_out_of_budget_is_480_with_the_time_to_wait(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(4)), selection=ONE_PER_CALLEE) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        assert (await dial(tmp_path, port)).status == 0
        done = await dial(tmp_path, port, "refused", status=480)
        assert done.status == 0, done.output
        assert "SIP/2.0 480 CalleeBudgetExceeded" in done.output
        assert 290 <= int(header(done.output, "Retry-After")) <= 300
        assert header(done.output, "Warning").startswith('399 callerid "CalleeBudgetExceeded: ')
        assert len(line.invites) == 1


async def test_no_number_left_is_480_and_says_why(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        await service.pick()
        done = await dial(tmp_path, port, "refused", status=480)
        assert done.status == 0, done.output
        assert "SIP/2.0 480 NoEligibleNumber" in done.output
        assert "parked: 1" in header(done.output, "Warning")
        assert not line.invites


@pytest.mark.parametrize(
    ("called", "status", "code"),
    [
        ("120", 484, "InvalidCalledNumber"),
        ("138", 484, "InvalidCalledNumber"),
    ],
)
async def test_a_number_that_nobody_may_dial_is_refused(
    tmp_path: Path, called: str, status: int, code: str
) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1))) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        done = await dial(tmp_path, port, "refused", called=called, status=status)
        assert done.status == 0, done.output
        assert f"SIP/2.0 {status} {code}" in done.output
        assert not line.invites


async def test_what_the_proxy_has_wrong_is_500(tmp_path: Path) -> None:
    many = ",".join(f"group-{count}" for count in range(17))
    async with (
        service_over(emulator_of(chengdu_numbers(1))) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, service.url, line.port, f'SKILL_GROUPS="{many}"') as port,
    ):
        done = await dial(tmp_path, port, "refused", status=500)
        assert done.status == 0, done.output
        assert "SIP/2.0 500 InvalidField" in done.output


async def test_without_the_service_a_call_is_refused_with_503(tmp_path: Path) -> None:
    async with (
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, f"http://127.0.0.1:{free_port()}", line.port) as port,
    ):
        done = await dial(tmp_path, port, "refused", status=503)
        assert done.status == 0, done.output
        assert header(done.output, "Retry-After") == "1"
        assert not line.invites


async def test_without_the_service_a_default_caller_is_shown_where_one_is_set(
    tmp_path: Path,
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with (
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, url, line.port, 'DEFAULT_CALLER="02160664656"') as port,
    ):
        done = await dial(tmp_path, port)
        assert done.status == 0, done.output
        assert line.shown == ["02160664656"]


async def test_a_service_that_hangs_is_a_service_that_is_away(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1))) as service,
        way_to(service.url) as way,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, way.url, line.port) as port,
    ):
        way.is_open.clear()
        done = await dial(tmp_path, port, "refused", status=503)
        assert done.status == 0, done.output
        assert not line.invites


async def test_a_caller_who_hangs_up_while_the_pick_waits_gives_its_number_back(
    tmp_path: Path,
) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as service,
        way_to(service.url) as way,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, way.url, line.port) as port,
    ):
        way.is_open.clear()
        done = await dial(tmp_path, port, "impatient")
        assert done.status == 0, done.output
        way.is_open.set()
        await eventually(lambda: told(service, "no_answer") == 1)
        assert not line.invites


FAR, STRANGER = "127.0.0.3", "127.0.0.2"


async def test_nobody_but_the_dialers_gets_anything_through(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1))) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, service.url, line.port) as port,
    ):
        here, there = f"sip:13880001234@127.0.0.1:{port}", f"sip:1@127.0.0.1:{line.port}"
        with_tag = "To: <sip:ping@127.0.0.1>;tag=made-up"
        through_here = f"Route: <sip:127.0.0.1:{port};lr;did=1.1>"
        for request, *headers in (
            (f"INVITE {here} SIP/2.0",),
            (f"INVITE {there} SIP/2.0", with_tag, through_here),
            (f"BYE {there} SIP/2.0", with_tag, through_here),
            (f"CANCEL {here} SIP/2.0",),
            (f"MESSAGE {there} SIP/2.0",),
            (f"REGISTER {here} SIP/2.0",),
            (f"OPTIONS {here} SIP/2.0",),
        ):
            assert await answer_to(port, request, *headers, host=STRANGER) == 403
        assert not line.invites
        _, listed = await service.get("/v1/numbers")
        assert [number["used_day"] for number in listed["data"]] == [0]


async def test_the_dialers_are_addresses_and_networks(tmp_path: Path) -> None:
    dialers = 'DIALERS="192.0.2.1,127.0.0.2/31"'
    async with kamailio(tmp_path, f"http://127.0.0.1:{free_port()}", 9, dialers) as port:
        statuses = [
            await answer_to(port, "OPTIONS sip:ping@127.0.0.1 SIP/2.0", host=host)
            for host in (LOOPBACK, STRANGER, FAR, "127.0.0.4")
        ]
    assert statuses == [403, 200, 200, 403]


async def test_a_callee_behind_the_trunk_hangs_up_although_it_is_no_dialer(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as service,
        trunk(tmp_path, "hangs_up", host=FAR) as line,
        kamailio(tmp_path, service.url, line.port, trunk_host=FAR) as port,
    ):
        done = await dial(tmp_path, port, "hung_up")
        assert done.status == 0, done.output
        await eventually(lambda: told(service, "answered") == 1)


@pytest.mark.parametrize("away", [False, True])
async def test_a_called_number_of_anything_but_digits_reaches_no_trunk(
    tmp_path: Path, *, away: bool
) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1))) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(
            *(tmp_path, f"http://127.0.0.1:{free_port()}" if away else service.url, line.port),
            'DEFAULT_CALLER="02160664656"',
        ) as port,
    ):
        for called in HOSTILE:
            if not re.search(r"\s", called):  # with a blank it is no request at all
                request = f"INVITE sip:{called}@127.0.0.1:{port} SIP/2.0"
                assert await answer_to(port, request) == 484, called
        assert not line.invites


async def test_an_address_of_the_service_may_end_with_slashes(tmp_path: Path) -> None:
    async with (
        service_over(emulator_of(chengdu_numbers(1)), selection=ONE_CALL_EACH) as service,
        trunk(tmp_path, "answers") as line,
        kamailio(tmp_path, f"{service.url}//", line.port) as port,
    ):
        assert (await dial(tmp_path, port)).status == 0
        await eventually(lambda: told(service, "answered") == 1)
