"""The HTTP session that the clients of one endpoint share, so that connections live on."""

import urllib.request

import aiohttp
from yarl import URL

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})  # the emulator's place: no proxy is nearer


def open_session(endpoint: str) -> aiohttp.ClientSession:
    """Open the session that the clients of one endpoint share; whoever opens it closes it.

    It goes through the environment's proxy, as the SDK does. It keeps no cookies, and has no
    timeouts of its own: each call has a budget.
    """
    return aiohttp.ClientSession(
        # The rate limit bounds what is under way. A bound here would let instances whose calls
        # hang keep the others waiting.
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": "callerid"},
        proxy=_proxy(URL(endpoint)),
        # The SDK leaves Content-Type in with an empty body, unsigned; there is nothing to describe.
        skip_auto_headers=["Content-Type"],
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
    )


def _proxy(endpoint: URL) -> str | None:
    # aiohttp's trust_env would read ~/.netrc too, for every call, and refuse our Authorization.
    host = endpoint.host or ""
    if host in LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(endpoint.scheme)
