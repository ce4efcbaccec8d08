"""`callerid`, which notes when it read each pick of the express lane and when it wrote the answer.

At its end the figures are in the file that `STAMPS` names: by status, how many there were, and the
times from the first byte read to the answer written, in ms. Stamping costs a pick 1 µs.
"""

import json
import os
import time
from pathlib import Path

from service.__main__ import main
from service.api.express import Connection

STAMPS = "STAMPS"

_read: dict[int, float] = {}
_times: dict[str, list[float]] = {}


def stamp() -> None:
    received, write = Connection.data_received, Connection._write

    def data_received(connection: Connection, data: bytes) -> None:
        _read[id(connection)] = time.perf_counter()
        received(connection, data)

    def note(connection: Connection, what: str) -> None:
        took = time.perf_counter() - _read[id(connection)]
        _times.setdefault(what, []).append(1000 * took)

    def written(connection: Connection, answer: bytes) -> None:
        write(connection, answer)
        status = answer[9:12].decode()
        is_let_in = connection._answering is not None or status == "200"
        note(connection, f"{status}, let in" if is_let_in else "refused at once")

    setattr(Connection, "data_received", data_received)  # noqa: B010 - a method, to mypy
    setattr(Connection, "_write", written)  # noqa: B010 - the same


def figures() -> dict[str, dict[str, float]]:
    return {
        what: {
            "count": len(times),
            "p50": sorted(times)[len(times) // 2],
            "p99": sorted(times)[int(len(times) * 0.99)],
            "max": max(times),
        }
        for what, times in _times.items()
    }


if __name__ == "__main__":
    stamp()
    try:
        main()
    finally:
        Path(os.environ[STAMPS]).write_text(json.dumps(figures()), "utf-8")
