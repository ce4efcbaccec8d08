"""A dialer and a trunk, both played by sipp, and what the trunk was shown."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integrations.programs import Ended, ended, running
from tests.programs import program

SCENARIOS = Path(__file__).parent / "sipp"
CALLED = "13880001234"


class Trunk:
    """The far end of a call.

    Args:
        port: where it listens, on UDP.
        messages: the file in which sipp keeps all that it received and sent.
    """

    def __init__(self, port: int, messages: Path) -> None:
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
async def trunk(directory: Path, scenario: str, status: int = 0) -> AsyncIterator[Trunk]:
    """A trunk that plays a scenario until the end of the block."""
    port, messages = free_udp_port(), directory / "trunk.log"
    words = _sipp(directory, scenario, status, port, messages)
    async with running(*words, "-timeout", "60", directory=directory):
        yield Trunk(port, messages)


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
    words = _sipp(directory, scenario, status, free_udp_port(), messages)
    limits = ("-m", "1", "-s", called, "-timeout", "20")
    chosen = ("-cid_str", call_id) if call_id else ()
    done = await ended(*words, *limits, *chosen, f"127.0.0.1:{port}", directory=directory)
    return Ended(done.status, messages.read_text() if messages.exists() else done.output)


async def until_listening(port: int) -> None:
    """Return once a SIP server answers OPTIONS; fail after 10 s."""
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(0)
        client.bind(("127.0.0.1", 0))
        own = client.getsockname()[1]
        async with asyncio.timeout(10):
            while True:
                await loop.sock_sendto(client, _options(own), ("127.0.0.1", port))
                try:
                    async with asyncio.timeout(0.2):
                        await loop.sock_recv(client, 4096)
                        return
                except TimeoutError:
                    continue


def _options(port: int) -> bytes:
    lines = (
        "OPTIONS sip:ping@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{port}",
        "From: <sip:test@127.0.0.1>;tag=1",
        "To: <sip:ping@127.0.0.1>",
        f"Call-ID: {port}",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 1",
        "Content-Length: 0",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def _sipp(directory: Path, scenario: str, status: int, port: int, messages: Path) -> list[str]:
    text = (SCENARIOS / f"{scenario}.xml").read_text("utf-8")
    written = directory / f"{scenario}.xml"
    written.write_text(text.replace("STATUS", str(status)), "utf-8")
    return [
        *(program("sipp"), "-sf", str(written), "-nostdin", "-skip_rlimit"),
        *("-i", "127.0.0.1", "-p", str(port), "-trace_msg", "-message_file", str(messages)),
        *("-message_overwrite", "true", "-deadcall_wait", "0"),
    ]
