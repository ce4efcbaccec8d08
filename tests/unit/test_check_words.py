"""What `callerid check` makes of an error, of a clock, of a sweep."""

import socket
import ssl
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from service.cli.check.endpoints import clock_finding, why_unreachable
from service.cli.check.instances import advised, permission_by
from service.cli.check.sweeping import finding_on, summary
from service.emulator.answers import Refusal
from service.errors import CccError, CccRefused, CccThrottled, CccUnavailable
from service.inventory import PhoneNumber
from service.sync.acceptance import Sweep

NOW = 1_795_000_000.0
SALES = ("sales@ccc-test",)
KEY = ConnectionKey("ccc.example", 443, True, True, None, None, None)  # noqa: FBT003 - aiohttp's


def refusal(code: str, *values: object) -> CccError:
    """An error as the client makes it of one of the gateway's refusals."""
    refused = Refusal(code, *values)
    return CccRefused(code, refused.message, status=refused.status)


@pytest.mark.parametrize(
    ("skew", "state", "words"),
    [
        (0, "fine", "the clocks agree"),
        (59, "fine", "the clocks agree"),
        (-59, "fine", "the clocks agree"),
        (61, "warning", "61 s ahead"),
        (-300, "warning", "300 s behind"),
        (901, "failed", "901 s ahead"),
        (-86_400, "failed", "86400 s behind"),
    ],
)
def test_a_clock_is_judged_by_how_far_it_is_from_cccs(skew: int, state: str, words: str) -> None:
    finding = clock_finding("https://ccc", formatdate(NOW - skew, usegmt=True), NOW)
    assert finding.state == state
    assert words in finding.text


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 99 Nov 2026 00:00:00 GMT"])
def test_an_answer_without_a_date_tells_no_time(date: str) -> None:
    assert clock_finding("https://ccc", date, NOW).state == "fine"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name not known")),
            "this machine's DNS",
        ),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("self-signed")),
            "SSL_CERT_FILE",
        ),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version")), "speak TLS"),
        (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), "no connection can be made"),
        (TimeoutError(), "no answer in time"),
        (aiohttp.ServerDisconnectedError(), "is no CCC"),
    ],
)
def test_an_endpoint_out_of_reach_says_what_to_look_at(error: Exception, advice: str) -> None:
    assert advice in why_unreachable(error)


@pytest.mark.parametrize(
    ("error", "access"),
    [
        (refusal("Forbidden.RAM"), "denied"),
        (CccRefused("NoPermission", "no", status=403), "denied"),
        (refusal("Parameter.Enumeration", "Usage", "[]"), "allowed"),
        (refusal("Parameter.Minimum", "Count", 1), "allowed"),
        (refusal("MissingParameter", "PhoneNumber"), "unknown"),
        (refusal("InvalidAction.NotFound"), "unknown"),
        (CccThrottled("Throttling.User", "slow down", status=400), "unknown"),
        (CccUnavailable("Timeout", "no answer within 5 s"), "unknown"),
    ],
)
def test_only_what_ccc_itself_or_ram_says_decides_on_a_permission(
    error: CccError, access: str
) -> None:
    found = permission_by(error, "something")
    assert found.access == access
    assert found.cost == ("something" if access == "denied" else "")
    assert found.code == ("" if access == "allowed" else error.ccc_code)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (refusal("Forbidden.RAM"), "deploy/ram-policy.json"),
        (refusal("SignatureDoesNotMatch", "no"), "without spaces"),
        (refusal("InvalidAccessKeyId.NotFound"), "correct the access key's id"),
        (refusal("InvalidTimeStamp.Expired"), "NTP"),
        (refusal("NotExists.InstanceId", "ccc-x"), "[[instances]]"),
        (refusal("InvalidSecurityToken.MismatchWithAccessKey"), "all three together"),
        (CccUnavailable("HTTP.502", "no message", status=502), "ccc.endpoint"),
        (CccUnavailable("Timeout", "no answer within 5 s"), "ccc.timeout_ms"),
        (CccThrottled("Throttling.User", "no", status=400), "ccc.max_requests_per_second"),
    ],
)
def test_a_refusal_says_what_to_do(error: CccError, advice: str) -> None:
    assert advice in advised(error)
    assert "\n" not in advised(error)


def test_a_refusal_that_nobody_knows_is_told_as_it_is() -> None:
    assert advised(CccRefused("Strange", "two\nlines")) == "Strange: two lines"


def test_a_sweep_counts_what_a_pick_can_choose_from() -> None:
    numbers = [
        PhoneNumber("02855500001", "四川", "成都", "028", "Outbound", skill_group_ids=SALES),
        PhoneNumber("02855500002", "四川", "成都", "028", "Inbound", skill_group_ids=SALES),
        PhoneNumber("01055500003", "北京", "北京", "010", "Bidirection", agent_id="a@ccc-test"),
    ]
    swept = summary(Sweep({one.number: one for one in numbers}, complete=True, total=3))
    assert swept.skill_groups == {"sales@ccc-test": 1}
    assert (swept.numbers, swept.available, swept.agents) == (3, 2, 1)
    assert swept.provinces == {"四川": 1, "北京": 1}
    assert finding_on("ccc-test", swept).text == (
        "3 numbers (1 Outbound, 1 Inbound, 1 Bidirection): 2 to pick from, 1 of them agents' own, "
        "in 2 provinces"
    )


def test_a_sweep_without_a_number_to_pick_from_or_not_whole_is_a_warning() -> None:
    empty = summary(Sweep({}, complete=True, total=0))
    torn = summary(Sweep({}, complete=False, total=5))
    assert finding_on("ccc-test", empty).state == "warning"
    assert finding_on("ccc-test", torn).text.startswith("0 of 5 numbers")
