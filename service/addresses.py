"""Opening an address, and what may go wrong with that."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import CallerIdError

# Of one of a host's several addresses: the others will do.
NOT_OF_THIS_MACHINE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


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
        raise CannotListen(f"cannot listen on {host}:{port}: {why}") from error
