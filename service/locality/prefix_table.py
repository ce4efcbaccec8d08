"""Read the table of mobile prefixes: the bundled file, or a newer one."""

from importlib import resources
from pathlib import Path

from service.files import read_file


def read(path: str = "") -> bytes:
    """The bytes of a phone.dat.

    Args:
        path: where it is; "" for the one that the package `phone` brings.

    Raises:
        OSError: it cannot be read.
    """
    if path:
        return read_file(Path(path))
    return resources.files("phone").joinpath("phone.dat").read_bytes()
