"""Read the table of mobile prefixes: the bundled file, or a newer one."""

from importlib import resources
from pathlib import Path


def read(path: str = "") -> bytes:
    """The bytes of a phone.dat.

    Args:
        path: where it is; "" for the one that the package `phone` brings.
    """
    if path:
        return Path(path).read_bytes()
    return resources.files("phone").joinpath("phone.dat").read_bytes()
