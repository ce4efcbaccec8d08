"""Check that CCC's endpoints can be reached, and this machine's clock against theirs.

Asked without credentials, once an endpoint: whatever the gateway refuses, it answers with a Date.
"""

import asyncio
import time
from collections.abc import Iterable
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from service.ccc.endpoints import open_session
from service.cli.check.findings import Finding

MOST_SKEW = 900.0  # seconds; beyond it CCC takes no signature
SLIGHT_SKEW = 60.0
IN_FLIGHT = 20

# In order: each of these errors is one of a later kind, too.
_WHY: dict[type[Exception], str] = {
    aiohttp.ClientHttpProxyError: "the proxy does not let it through: look at the login in "
    "https_proxy, and at what the proxy allows",
    aiohttp.ClientConnectorDNSError: "its name cannot be resolved: correct ccc.endpoint, or this "
    "machine's DNS",
    aiohttp.ClientConnectorCertificateError: "its TLS certificate is not trusted: correct "
    "ccc.endpoint; where a proxy signs with an authority of its own, name that in SSL_CERT_FILE",
    aiohttp.ClientSSLError: "it does not speak TLS, as https:// asks for: correct ccc.endpoint, or "
    "look at the proxy",
    aiohttp.ClientConnectorError: "no connection can be made: look at the firewall and the proxy, "
    "or correct ccc.endpoint",
    TimeoutError: "no answer in time: look at the firewall and the proxy, or correct ccc.endpoint",
}
_NO_CCC = "what listens there is no CCC: correct ccc.endpoint, or look at the proxy"


async def reach(endpoints: Iterable[str], seconds: float) -> dict[str, Finding]:
    """Try all endpoints, several at a time.

    Args:
        endpoints: their addresses, each perhaps more than once.
        seconds: how long each may take.

    Returns:
        What was found of each; "failed" where CCC would take no call from here.
    """
    free = asyncio.Semaphore(IN_FLIGHT)

    async def look(endpoint: str) -> Finding:
        about = str(URL(endpoint).origin())
        try:
            async with (
                free,
                asyncio.timeout(seconds),
                open_session(endpoint) as session,
                session.get(endpoint, allow_redirects=False) as response,
            ):
                return clock_finding(about, response.headers.get("Date", ""), time.time())
        except (aiohttp.ClientError, OSError) as error:
            return Finding(about, "failed", why_unreachable(error))

    different = list(dict.fromkeys(endpoints))
    return dict(zip(different, await asyncio.gather(*map(look, different)), strict=True))


def why_unreachable(error: Exception) -> str:
    """Explain an error of connecting, and say what to do about it."""
    advice = next((advice for kind, advice in _WHY.items() if isinstance(error, kind)), _NO_CCC)
    # An answer's own words have the address in them, and so the login of a proxy.
    words = str(error) if not isinstance(error, aiohttp.ClientResponseError) else error.message
    said = " ".join(words.split()) or type(error).__name__
    return f"out of reach: {advice} ({said})"


def clock_finding(about: str, date: str, now: float) -> Finding:
    """Compare this machine's clock with an answer's Date, which has whole seconds.

    Args:
        about: the endpoint.
        date: the header; "" where there is none.
        now: this machine's Unix time as it came.
    """
    try:
        skew = now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Finding(about, "fine", "answers, and tells no time")
    where = f"this machine's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) > MOST_SKEW:
        text = f"{where}, and beyond {MOST_SKEW:.0f} s CCC takes no call: set it by NTP"
        return Finding(about, "failed", text)
    if abs(skew) > SLIGHT_SKEW:
        text = f"{where}: set it by NTP, before CCC takes no call from here"
        return Finding(about, "warning", text)
    return Finding(about, "fine", "answers, and the clocks agree")
