"""`make bench`: picks per second and their times, beside a bare aiohttp handler.

Each server is a process of its own and stays up for the whole run; the sides alternate, round by
round, and the medians over the rounds are printed. One skill group, 1,000 numbers, ever new
callees, everything on loopback.
"""

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import orjson

from tests.bench.load import Figures, run
from tests.conftest import RedisServer

GROUP = "sales@ccc-test"
NUMBERS = 1000
SIDES = ("bare", "embedded", "redis")
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def inventory_file(folder: Path) -> Path:
    rows = [
        {
            "Number": f"028555{last:05d}",
            "Province": "四川",
            "City": "成都",
            "Usage": "Outbound",
            "SkillGroups": [
                {
                    "SkillGroupId": GROUP,
                    "Name": "sales",
                    "DisplayName": "销售组",
                    "InstanceId": "ccc-test",
                }
            ],
        }
        for last in range(NUMBERS)
    ]
    path = folder / "inventory.json"
    path.write_bytes(orjson.dumps({"ccc-test": rows}))
    return path


def configuration(folder: Path, emulator: int, redis_url: str) -> Path:
    path = folder / f"{'redis' if redis_url else 'embedded'}.toml"
    path.write_text(
        f"""
[server]
drain_seconds = 0
[redis]
url = "{redis_url}"
[ccc]
endpoint = "http://127.0.0.1:{emulator}"
[inventory]
refresh_seconds = 3600
stale_after_seconds = 7200
[[instances]]
id = "ccc-test"
ccc = {{access_key_id = "demo-key", access_key_secret = "demo-secret"}}
"""
    )
    return path


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ
    )
    try:
        yield running
    finally:
        running.terminate()
        running.wait()


def wait_for(url: str) -> None:
    for _ in range(400):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1) as response:
            if response.status < 500:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(rounds: int, seconds: float) -> dict[str, dict[str, list[Figures]]]:
    """Figures by side and by number of connections, and CPU time a request at 64."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(folder)
        stack.callback(redis.kill)
        ports = {side: free_port() for side in (*SIDES, "emulator")}
        emulator = str(ports["emulator"])
        stack.enter_context(
            process(
                *("-m", "service", "emulator", "--port", emulator),
                *("--inventory", str(inventory_file(folder))),
            )
        )
        wait_for(f"http://127.0.0.1:{emulator}/_faults")
        stack.enter_context(process("-m", "tests.bench.bare", "--port", str(ports["bare"])))
        for side, url in (("embedded", ""), ("redis", redis.url)):
            config = configuration(folder, ports["emulator"], url)
            serve = ("-m", "service", "serve", "--config", str(config))
            stack.enter_context(process(*serve, "--port", str(ports[side])))
            wait_for(f"http://127.0.0.1:{ports[side]}/readyz")
        found: dict[str, dict[str, list[Figures]]] = {side: {"1": [], "64": []} for side in SIDES}
        for one_round in range(-1, rounds):
            for connections in (64, 1):
                for side in SIDES:
                    figures = run(ports[side], connections, seconds, GROUP)
                    if one_round >= 0:
                        found[side][str(connections)].append(figures)
        return found


def summary(found: dict[str, dict[str, list[Figures]]]) -> dict[str, dict[str, float]]:
    """Medians over the rounds; ratios are medians of each round's own ratio."""
    rows: dict[str, dict[str, float]] = {}
    for side, by_connections in found.items():
        for connections, runs in by_connections.items():
            bare = found["bare"][connections]
            rows[f"{side}, {connections} connections"] = {
                "per_second": statistics.median(one.per_second for one in runs),
                "p50_ms": statistics.median(one.p50_ms for one in runs),
                "p99_ms": statistics.median(one.p99_ms for one in runs),
                "throughput_to_bare": statistics.median(
                    one.per_second / other.per_second for one, other in zip(runs, bare, strict=True)
                ),
                "p99_to_bare": statistics.median(
                    one.p99_ms / other.p99_ms for one, other in zip(runs, bare, strict=True)
                ),
                "not_ok": sum(one.not_ok for one in runs),
            }
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one side in one round")
    arguments = parser.parse_args()
    rows = summary(measure(arguments.rounds, arguments.seconds))
    print(f"{'':28}{'picks/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'of bare':>9}{'p99/bare':>9}")
    for name, row in rows.items():
        print(
            f"{name:28}{row['per_second']:10.0f}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}"
            f"{row['throughput_to_bare']:9.2f}{row['p99_to_bare']:9.2f}"
        )
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
