"""Tracing: the `traceparent` of the request at work, and spans where OpenTelemetry is asked for."""

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

TRACEPARENT = ContextVar("TRACEPARENT", default="")

# W3C Trace Context, 3.2.2: of a later version than 00 the beginning is read, and more may follow.
_WELL_FORMED = re.compile(
    r"(?!ff|00.{54})([0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?:-.*)?"
)

_log = logging.getLogger(__name__)


def traceparent_of(headers: Sequence[str]) -> str:
    """Return the `traceparent` of a request's headers of that name, "" for none or a malformed."""
    well_formed = _WELL_FORMED.fullmatch(headers[0]) if len(headers) == 1 else None
    return well_formed[1] if well_formed else ""


@contextmanager
def traced_by(traceparent: str) -> Iterator[None]:
    """Work for a request: what is logged and answered meanwhile bears its `traceparent`."""
    token = TRACEPARENT.set(traceparent)
    try:
        yield
    finally:
        TRACEPARENT.reset(token)


def make_spans(picker: Any, instances: Mapping[str, Any], lifetime: AsyncExitStack) -> None:
    """Put the calls of the parts in spans where OpenTelemetry's own variable asks for them."""
    if "otlp" not in os.environ.get("OTEL_TRACES_EXPORTER", ""):
        return
    try:
        from service.spans import Spans  # noqa: PLC0415 - the SDK is imported by who asks for it alone
    except ImportError:
        _log.warning("OTEL_TRACES_EXPORTER asks for spans: install callerid[otel]")
    else:
        Spans(TRACEPARENT.get, lifetime).of(picker, instances)
