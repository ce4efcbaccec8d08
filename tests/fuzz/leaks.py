"""What a log must not say: a secret, or a number that is not masked."""

from collections.abc import Iterable

import msgspec


def leaks(log: bytes, secrets: Iterable[str], numbers: Iterable[str]) -> list[str]:
    """Return the lines of a log that are no JSON, or that say a secret or a number in clear."""
    hidden = [*secrets, *numbers]
    return [
        line
        for line in log.decode("utf-8", "replace").splitlines()
        if not _is_json(line) or any(text in line for text in hidden)
    ]


def _is_json(line: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except msgspec.DecodeError:
        return False
