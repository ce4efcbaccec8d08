"""Log lines: one JSON object each on standard error, phone numbers masked, floods held back.

Masking here is the last net, for what libraries and tracebacks say; our own messages carry no
number that is not masked already. Of our own lines nothing here decides what is worth one; of other
libraries' only warnings and errors are.
"""

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import TextIOWrapper
from types import TracebackType
from typing import Any, TextIO

import orjson
from msgspec import Struct

from service.tracing import TRACEPARENT

# What looks like a number and is none: dates, UUIDs, digests and ids in hex, addresses, floats,
# and instants of this age in s, ms or µs (10, 13 or 16 digits from 15 to 19, as no number has: a
# machine's of 13 digits starts with 10 or 14).
_KEPT = r"""
    [0-9]{4}-[01][0-9]-[0-3][0-9] (?: [T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)? )?
  | (?<![0-9A-Za-z]) [0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12} (?![0-9A-Za-z])
  | (?<![0-9A-Za-z]) (?=[0-9]*[a-f]) (?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})
    (?![0-9A-Za-z])
  | \b 0x[0-9a-f]{12,16} \b
  | (?<![\d.+]) [0-9]{1,6}\.(?!1[3-9][0-9]{9}(?![0-9]))[0-9]+ (?![\d.])
  | (?<![\d+]) 1[5-9][0-9]{8} (?:[0-9]{3}|[0-9]{6}|\.[0-9]{1,9})? (?!\d)
"""
# \d on purpose: full-width and Arabic-Indic digits are digits to whoever reads the log.
_GAP = r"[\s().\-\u200b-\u200f\u2010-\u2015]{0,2}"
_NUMBER = rf"""
    \+ (?:\d{_GAP}){{7,14}}\d
  | (?<!\d) 1[3-9]\d {_GAP} \d{{4}} {_GAP} \d{{4}} (?!\d)
  | (?<!\d) 0\d{{2,3}} {_GAP} \d{{3,4}} {_GAP} \d{{4}} (?!\d)
  | (?<!\d) [48]00 {_GAP} \d{{3}} {_GAP} \d{{4}} (?!\d)
  | \d{{7,}}
"""
_EITHER = re.compile(rf"(?P<kept>{_KEPT})|{_NUMBER}", re.VERBOSE)
_DIGITS = re.compile(r"\d+")
_ENOUGH_DIGITS = re.compile(r"\d(?:\D{0,2}\d){6}")  # no alternative above does with less
# Up to the last @ of the word: a password that was not percent-encoded may hold any other sign.
_LOGIN = re.compile(r"(?<=://)[^\s\"']{1,512}@")

_SHORTEST = 7  # digits of a subscriber's number without its area code
_LONGEST = 14  # digits of one number with its country's prefix; longer is several at once
_ONE_AT_MOST = 8192  # characters of one string in a line
_MOST_TEMPLATES = 1000  # remembered at once: texts made of input have no end
_INTEGER_BITS = 64  # of an integer that orjson writes

# Mobile numbers as integers, plain and after 86. No instant in s or ms falls in between.
_AS_INTEGERS = (range(13 * 10**9, 20 * 10**9), range(8613 * 10**9, 8620 * 10**9))
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_OURS = __name__.partition(".")[0]

_log = logging.getLogger(__name__)


def mask(number: str) -> str:
    """Hide the four digits before the last four: `13812348888` becomes `138****8888`.

    Shorter than seven digits it names a service and nobody, and stays as it is.
    """
    digits = "".join(_DIGITS.findall(number))
    if len(digits) < _SHORTEST:
        return number
    shown = max(0, len(digits) - 8) if len(digits) <= _LONGEST else 3
    plus = "+" if number.startswith("+") else ""
    return f"{plus}{digits[:shown]}****{digits[4:][-4:]}"


def mask_text(text: str) -> str:
    """Mask whatever may be a phone number in a text, and leave ids and instants whole."""
    if not _ENOUGH_DIGITS.search(text):
        return text
    return _EITHER.sub(lambda found: found["kept"] or mask(found[0]), text)


def configure(
    level: str = "INFO",
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Send every logger of the process through one handler, and all that Python itself would print.

    Handlers that libraries have set, or will, are dropped: with theirs each line would come twice.

    Args:
        level: the least level that is written, by its name.
        stream: where to; standard error if not given.
        clock: seconds that only go forward, for the bound on repetitions.
    """
    stream = stream or sys.stderr
    if isinstance(stream, TextIOWrapper):
        # JSON is UTF-8, whatever a terminal takes.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    handler.addFilter(_is_worth_a_line)
    handler.addFilter(RepeatBound(clock))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.setLoggerClass(_HandlerlessLogger)
    for logger in root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
    # A failed write would print the record's arguments to standard error as they are.
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_end
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_end_of_thread


class _HandlerlessLogger(logging.Logger):
    """A logger of a library that is imported later; the root's handler writes its lines."""

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802 - logging's name
        """Take no handler."""


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] == _OURS


def _log_end(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    _log.critical("The process ends: %s", kind.__name__, exc_info=(kind, error, traceback))


def _log_end_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        _log.error("A thread ended: %s", args.exc_type.__name__, exc_info=args.exc_value)


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    where = getattr(unraisable.object, "__qualname__", type(unraisable.object).__name__)
    _log.error("An exception was ignored in %s", where, exc_info=unraisable.exc_value)


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object, every string in it masked."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        instant = datetime.fromtimestamp(record.created, UTC)
        fields = {
            "time": instant.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": _clean(_message(record)),
        }
        if traceparent := TRACEPARENT.get():
            fields["traceparent"] = _clean(traceparent)
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        fields |= {key: _clean(value) for key, value in extra.items() if key not in fields}
        if record.exc_info:
            fields["exception"] = _clean(self.formatException(record.exc_info))
        if record.stack_info:
            fields["stack"] = _clean(record.stack_info)
        return orjson.dumps(fields).decode()


class RepeatBound(logging.Filter):
    """Lets a few records of one logger and template through each second, and counts the rest.

    Out of file descriptors, asyncio and aiohttp log each failed accept: thousands a second. The
    first record of a later second carries how many were `suppressed` since the last one.
    """

    def __init__(self, clock: Callable[[], float], limit: int = 10) -> None:
        super().__init__()
        self._clock = clock
        self._limit = limit
        self._seen: dict[tuple[str, str], _Second] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written; one of the audit always is."""
        if hasattr(record, "audit"):
            return True
        now = int(self._clock())
        key = record.name, _DIGITS.sub("#", str(record.msg)[:200])
        before = self._seen.get(key)
        if before is None or before.second != now:
            self._start(key, now)
            if before is not None and before.count > self._limit:
                record.suppressed = before.count - self._limit
            return True
        before.count += 1
        return before.count <= self._limit

    def _start(self, key: tuple[str, str], now: int) -> None:
        if len(self._seen) >= _MOST_TEMPLATES:
            self._seen.clear()
        self._seen[key] = _Second(now)


class _Second(Struct):
    """The count of one template's records within a second."""

    second: int
    count: int = 1


def _message(record: logging.LogRecord) -> str:
    """The message, also of a call whose arguments do not fit its template."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"


def _clean(value: Any) -> Any:
    """A value as JSON can carry it, without a phone number or the login in an address."""
    match value:
        case None | bool() | float():
            return value
        case int() if any(value in numbers for numbers in _AS_INTEGERS):
            return mask(str(value))
        case int():
            return value if value.bit_length() < _INTEGER_BITS else str(value)
        case Mapping():
            return {_clean(str(key)): _clean(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean(item) for item in value]
    text = mask_text(str(value))
    if "@" in text:
        text = _LOGIN.sub("…@", text)
    if len(text) > _ONE_AT_MOST:
        text = f"{text[:_ONE_AT_MOST]}… ({len(text)} characters)"
    return text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate is no JSON
