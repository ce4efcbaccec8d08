"""Read the files that an operator names, whatever they turn out to be."""

import errno
import os
from pathlib import Path
from stat import S_ISREG

MOST_BYTES = 64 * 2**20  # ten times what any of them has


def read_file(path: Path) -> bytes:
    """Read a regular file. Nothing else is waited for: a FIFO may never have a writer.

    Raises:
        OSError: there is none that can be read; `strerror` says why.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError:  # NUL
        raise OSError(errno.EINVAL, "not the name of a file") from None
    try:
        if not S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MOST_BYTES >> 20} MB")
    return content


def read_text(path: Path) -> str:
    """Read a file of UTF-8, without the mark that some editors put before it.

    Raises:
        OSError: as `read_file`.
        UnicodeDecodeError: it is something else.
    """
    return read_file(path).decode("utf-8-sig")
