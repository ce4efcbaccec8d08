"""Ask a running service, for the commands of people.

It goes by the standard library: aiohttp would take longer to import than the answer does to come.
"""

import sys
from argparse import Namespace
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import msgspec

from service.cli.terminal import printable
from service.errors import CallerIdError, SettingsError
from service.files import read_file
from service.picking import Candidate

TIMEOUT_SECONDS = 10
JSON, CSV = "application/json", "text/csv"
_ANOTHER = "what answers there is no callerid, or another release of it"

T = TypeVar("T")


class NoAnswer(CallerIdError):
    """Nothing answered, or something that is not this service."""


class ProblemReply(msgspec.Struct, frozen=True):
    """The part of a problem document that is shown."""

    code: str = "Error"
    detail: str = "no detail was given"
    reasons: dict[str, int] = {}
    explanation: tuple[Candidate, ...] = ()

    @property
    def line(self) -> str:
        """Return the code and the detail, for a terminal."""
        hint = "; give one by --token or CALLERID_TOKEN" if self.code == "Unauthenticated" else ""
        return f"{printable(self.code)}: {printable(self.detail)}{hint}"


class ServiceAnswer(NamedTuple):
    """An answer as it came, good or not."""

    status: int
    body: bytes
    retry_after: str = ""

    @property
    def is_ok(self) -> bool:
        """Return whether it is what was asked for."""
        return self.status == HTTPStatus.OK


def contents_of(file: Path, name: str) -> bytes:
    """Return what stands in a file that the command line names; raises SettingsError."""
    try:
        return read_file(file)
    except OSError as error:
        raise SettingsError([f"{name}: {file}: {error.strerror}"]) from error


def ask_service(
    arguments: Namespace, path: str, body: bytes | None = None, media_type: str = JSON
) -> ServiceAnswer:
    """Ask the service that `--url` names, with the token of `--token`.

    Args:
        arguments: with both.
        path: with the query.
        body: to be posted; None to get.
        media_type: of the body.

    Raises:
        NoAnswer: there is no service, or it takes too long.
        SettingsError: the URL or the token is none.
    """
    _check_words(arguments)
    headers = {"Content-Type": media_type}
    if arguments.token:
        headers["Authorization"] = f"Bearer {arguments.token}"
    url = f"{arguments.url.rstrip('/')}{path}"
    try:
        request = Request(url, body, headers)  # noqa: S310 - its scheme was looked at
        # A service of one's own is asked without the environment's proxy.
        with build_opener(ProxyHandler({})).open(request, timeout=TIMEOUT_SECONDS) as response:
            return ServiceAnswer(response.status, response.read())
    except HTTPError as error:
        with error:
            return ServiceAnswer(error.code, error.read(), error.headers.get("Retry-After", ""))
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        why = getattr(reason, "strerror", None) or str(reason) or type(error).__name__
        raise _no_answer(arguments, why) from error


def show(
    arguments: Namespace,
    path: str,
    shape: type[T],
    words: Callable[[T], str],
    posted: bytes | None = None,
) -> int:
    """Ask the service, as `ask_service` does, and print what it answers, or why it refuses.

    Args:
        arguments: with `csv` the answer is printed as it comes.
        path: with the query.
        shape: the type of the answer.
        words: put the answer into words.
        posted: a body of CSV.

    Returns:
        0 for an answer, 1 for a refusal.
    """
    reply = ask_service(arguments, path, posted, CSV)
    if not reply.is_ok:
        print(decoded(reply.body, ProblemReply, arguments).line, file=sys.stderr)
    elif getattr(arguments, "csv", False):
        print(text_of(reply.body, arguments), end="")
    else:
        print(words(decoded(reply.body, shape, arguments)))
    return int(not reply.is_ok)


def queried(path: str, arguments: Namespace, **fields: object) -> str:
    """Return a path with these fields of the query, less the blank ones, and the instance."""
    named = {"instance_id": arguments.instance, **fields}
    return f"{path}?{urlencode({name: value for name, value in named.items() if value != ''})}"


def decoded(body: bytes, shape: type[T], arguments: Namespace) -> T:
    """Return a body as its type; raises NoAnswer where it is none."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise _no_answer(arguments, _ANOTHER) from error


def text_of(body: bytes, arguments: Namespace) -> str:
    """Return a body as text; raises NoAnswer where it is none."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise _no_answer(arguments, _ANOTHER) from error


def _no_answer(arguments: Namespace, why: str) -> NoAnswer:
    return NoAnswer(
        f"no answer of a service at {arguments.url}: {why}; start one there (callerid serve, or "
        "callerid demo), or name another one's address by --url or CALLERID_URL"
    )


def _check_words(arguments: Namespace) -> None:
    if not arguments.url.startswith(("http://", "https://")):
        found = f"found {arguments.url}, expected http://… or https://…"
        raise SettingsError([f"--url or CALLERID_URL: {found}"])
    if not (arguments.token.isascii() and arguments.token.isprintable()):
        raise SettingsError(["--token or CALLERID_TOKEN: found what no header can carry (hidden)"])
