"""`traceparent` as W3C has it, and OpenTelemetry's SDK left alone where nobody asks for it."""

import subprocess
import sys
from contextlib import AsyncExitStack

import pytest

from service.api.heads import ids_in
from service.tracing import make_spans, traceparent_of

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LATER = GOOD.replace("00-", "cc-", 1)
MALFORMED = [
    "",
    "00",
    GOOD.upper(),
    GOOD[:-1],
    f"{GOOD}-more",
    f"{LATER}more",
    GOOD.replace("00-", "ff-", 1),
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01",
    f"{GOOD}\n",
]


@pytest.mark.parametrize("sent", [GOOD, LATER])
def test_a_well_formed_traceparent_is_taken(sent: str) -> None:
    assert traceparent_of([sent]) == sent


def test_of_a_later_version_what_is_known_is_taken() -> None:
    assert traceparent_of([f"{LATER}-what-the-future-brings"]) == LATER


@pytest.mark.parametrize("sent", MALFORMED)
def test_a_malformed_traceparent_is_ignored(sent: str) -> None:
    assert traceparent_of([sent]) == ""


def test_neither_of_two_traceparents_is_taken() -> None:
    assert traceparent_of([GOOD, GOOD]) == ""
    assert traceparent_of([]) == ""


@pytest.mark.parametrize(
    ("lines", "ids"),
    [
        (b"", ("", "")),
        (b"X-Request-Id: 17\r\n", ("17", "")),
        (b"TraceParent:%b \r\nX-Request-Id: 17\r\n" % GOOD.encode(), ("17", GOOD)),
        (b"traceparent: %b\r\n" % GOOD.upper().encode(), ("", "")),
        (b"traceparent: %b\r\ntraceparent: 00\r\n" % GOOD.encode(), ("", "")),
        (b"X-Request-Id: 17\r\nX-Request-Id: 18\r\n", (None, "")),
    ],
)
def test_the_ids_of_a_head_are_those_that_its_headers_have(
    lines: bytes, ids: tuple[str | None, str]
) -> None:
    assert ids_in(b"POST /v1/pick HTTP/1.1\r\nHost: x\r\n%b\r\n" % lines) == ids


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_SERVICE_NAME": "callerid"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
    ],
    ids=str,
)
async def test_nobody_makes_spans_unless_variables_of_opentelemetry_ask_for_them(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as lifetime:
        make_spans(None, {}, lifetime)


async def test_spans_that_are_asked_for_without_the_sdk_are_missed_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "service.spans", None)
    async with AsyncExitStack() as lifetime:
        make_spans(None, {}, lifetime)
    assert "install callerid[otel]" in caplog.text


def test_the_service_imports_nothing_of_opentelemetry_by_itself() -> None:
    code = "import sys, service.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert "service.tracing" in imported
    assert "service.spans" not in imported
