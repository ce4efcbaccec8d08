"""Spans of picks, ledger calls and CCC's, by OpenTelemetry's SDK as its own variables have it.

Imported where these ask for it and nowhere else: the parts know nothing of it, their methods are
wrapped once they are built. No attribute of a span carries a number.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.errors import RequestError

Call = Callable[..., Awaitable[Any]]
Name = Callable[[Any], str]


class Spans:
    """Puts calls in spans, which a thread exports.

    Args:
        traceparent: gives that of the request at work.
        lifetime: exports the last spans at its end.
    """

    def __init__(self, traceparent: Callable[[], str], lifetime: AsyncExitStack) -> None:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        lifetime.push_async_callback(asyncio.to_thread, provider.shutdown)
        self._tracer = provider.get_tracer("callerid")
        self._traceparent = traceparent

    def of(self, picker: Any, instances: Mapping[str, Any]) -> None:
        """Put picks, and the calls of the ledger and of CCC by each instance's id, in spans."""
        picker.pick = self._within(SpanKind.SERVER, lambda _: "pick", picker.pick)
        for instance_id, built in instances.items():
            ledger, ccc, client = built.ledger, built.ccc, SpanKind.CLIENT
            about = {"callerid.instance": instance_id}
            ledger.pick = self._within(client, _operation, ledger.pick, about)
            ledger.apply = self._within(client, _operation, ledger.apply, about)
            ccc.call = self._within(client, "ccc {0.name}".format, ccc.call, about)

    def _within(
        self, kind: SpanKind, name: Name, call: Call, about: Mapping[str, str] | None = None
    ) -> Call:
        """Return a call that makes a span, named by its first argument, with who decided a pick."""

        async def within(asked: Any, *args: Any, **options: Any) -> Any:
            with self._tracer.start_as_current_span(
                name(asked),
                self._parent(),
                kind,
                about,
                record_exception=False,  # with its text and its frames
                set_status_on_exception=False,
            ) as span:
                try:
                    answer = await call(asked, *args, **options)
                except Exception as error:
                    code = getattr(error, "code", type(error).__name__)
                    span.set_attribute("error.type", getattr(error, "ccc_code", "") or code)
                    if not isinstance(error, RequestError):
                        span.set_status(StatusCode.ERROR)
                    raise
                if source := getattr(answer, "source", ""):
                    span.set_attribute("callerid.source", source)
                return answer

        return within

    def _parent(self) -> Context | None:
        """Return the request's own parent; None within a span, which is the parent then."""
        if get_current_span().get_span_context().is_valid:
            return None
        return TraceContextTextMapPropagator().extract({"traceparent": self._traceparent()})


def _operation(operation: Any) -> str:
    return f"ledger {type(operation).__name__.lower()}"
