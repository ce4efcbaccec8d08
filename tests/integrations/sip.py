"""A dialer and a trunk, both played by sipp, and what the trunk was shown."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integrations.programs import Ended, ended, running
from tests.programs import program
from tests.waiting import STARTING_SECONDS

SCENARIOS = Path(__file__).parent / "sipp"
CALLED = "13880001234"
LOOPBACK = "127.0.0.1"


class Trunk:
    """The far end of a call.

    Args:
        host: where it listens.
        port: where it listens, on UDP.
        messages: the file in which sipp keeps all that it received and sent.
    """

    def __init__(self, host: str, port: int, messages: Path) -> None:
        self.host = host
        self.port = port
        self._messages = messages

    @property
    def invites(self) -> list[str]:
        """Every INVITE that came, retransmissions apart."""
        text = self._messages.read_text() if self._messages.exists() else ""
        invites = re.findall(r"^INVITE .*?\n\r?\n", text, re.DOTALL | re.MULTILINE)
        return list(dict.fromkeys(invites))

    @property
    def shown(self) -> list[str]:
        """The caller numbers that were shown, one for each INVITE."""
        return [header(invite, "From").split("<sip:")[1].split("@")[0] for invite in self.invites]


def header(message: str, name: str) -> str:
    """A header of a SIP message, "" where it has none."""
    found = re.search(rf"^{name}: *([^\r\n]*)", message, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""


def free_udp_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def trunk(
    directory: Path, scenario: str, status: int = 0, host: str = LOOPBACK
) -> AsyncIterator[Trunk]:
    """A trunk that plays a scenario until the end of the block."""
    port, messages = free_udp_port(), directory / "trunk.log"
    words = _sipp(directory, scenario, status, (host, port), messages)
    async with running(*words, "-timeout", "60", directory=directory):
        yield Trunk(host, port, messages)


async def dial(  # noqa: PLR0913 - keywords, each of them a part of the call
    directory: Path,
    port: int,
    scenario: str = "call",
    *,
    called: str = CALLED,
    call_id: str = "",
    status: int = 0,
) -> Ended:
    """One call to a proxy; its output is all that the dialer received and sent."""
    messages = directory / "dialer.log"
    messages.unlink(missing_ok=True)
    words = _sipp(directory, scenario, status, (LOOPBACK, free_udp_port()), messages)
    limits = ("-m", "1", "-s", called, "-timeout", "20")
    chosen = ("-cid_str", call_id) if call_id else ()
    done = await ended(*words, *limits, *chosen, f"127.0.0.1:{port}", directory=directory)
    return Ended(done.status, messages.read_text() if messages.exists() else done.output)


async def until_listening(port: int) -> None:
    """Return once a SIP server answers OPTIONS."""
    await answer_to(port, "OPTIONS sip:ping@127.0.0.1 SIP/2.0")


async def answer_to(port: int, line: str, *headers: str, host: str = LOOPBACK) -> int:
    """The final status of a server's answer to one request from this host, repeated until it comes.

    `headers` go with the usual ones; one with the name of such a one stands in its place.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(0)
        client.bind((host, 0))
        request = _request(line, headers, f"{host}:{client.getsockname()[1]}")
        async with asyncio.timeout(STARTING_SECONDS):
            while True:
                await loop.sock_sendto(client, request, (LOOPBACK, port))
                try:
                    async with asyncio.timeout(0.2):
                        status = 100
                        while status < 200:
                            status = int((await loop.sock_recv(client, 4096)).split()[1])
                        return status
                except TimeoutError:
                    continue


def _request(line: str, headers: Sequence[str], own: str) -> bytes:
    usual = (
        f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{own.rpartition(':')[2]}",
        f"From: <sip:test@{own}>;tag=1",
        "To: <sip:ping@127.0.0.1>",
        f"Call-ID: {own}",
        f"CSeq: 1 {line.split(maxsplit=1)[0]}",
        f"Contact: <sip:test@{own}>",
        "Max-Forwards: 1",
        "Content-Length: 0",
    )
    lines = {one.partition(":")[0]: one for one in (*usual, *headers)}
    return "\r\n".join((line, *lines.values(), "", "")).encode()


def _sipp(
    directory: Path, scenario: str, status: int, own: tuple[str, int], messages: Path
) -> list[str]:
    text = (SCENARIOS / f"{scenario}.xml").read_text("utf-8")
    written = directory / f"{scenario}.xml"
    written.write_text(text.replace("STATUS", str(status)), "utf-8")
    return [
        *(program("sipp"), "-sf", str(written), "-nostdin", "-skip_rlimit"),
        *("-i", own[0], "-p", str(own[1]), "-trace_msg", "-message_file", str(messages)),
        *("-message_overwrite", "true", "-deadcall_wait", "0"),
    ]
