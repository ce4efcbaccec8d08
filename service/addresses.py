"""Opening an address, and what may go wrong with that."""

import errno
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from service.errors import CallerIdError

# Of one of a host's several addresses: the others will do.
_NOT_OF_THIS_MACHINE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


_ADVICE = {
    errno.EADDRINUSE: "end what listens there, or choose another port: --port, --emulator-port",
    errno.EADDRNOTAVAIL: "choose an address of this machine",
    errno.EACCES: "choose a port from 1024 on, or allow this user to take it",
}


class CannotListen(CallerIdError):
    """An address is taken, not this machine's, or not for this user."""


@contextmanager
def to_listen(host: str, port: int) -> Iterator[None]:
    """Translate what goes wrong while this address is opened.

    Raises:
        CannotListen: in the place of any OSError, and of a host that no name can be.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error)
        why = told.rpartition(": ")[2].partition(" (while")[0]  # the address stands there already
        advice = _ADVICE.get(getattr(error, "errno", None) or 0, "")
        text = f"cannot listen on {host}:{port}: {why}" + (advice and f"; {advice}")
        raise CannotListen(text) from error


def open_all(
    found: Iterable[tuple[Any, ...]], port: int, open_one: Callable[[int, Any], socket.socket]
) -> list[socket.socket]:
    """Open a socket at each of a host's addresses, but for those that this machine does not have.

    Args:
        found: the addresses, as `getaddrinfo` tells them.
        port: 0 takes any free one, the same for all addresses.
        open_one: makes a socket of a family at an address.

    Raises:
        OSError: one is taken, or this machine has none of them; nothing stays open.
    """
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        missing: OSError | None = None
        for family, _, _, _, (host, _, *scope) in dict.fromkeys(found):
            try:
                each = opened.enter_context(open_one(family, (host, port, *scope)))
            except OSError as error:
                if error.errno not in _NOT_OF_THIS_MACHINE:
                    raise
                missing = error
            else:
                sockets.append(each)
                port = each.getsockname()[1]
        if missing is not None and not sockets:
            raise missing
        opened.pop_all()
    return sockets
