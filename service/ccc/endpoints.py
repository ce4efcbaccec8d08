"""Resolve CCC's endpoint of a region as the official SDK does, and open the HTTP session to it.

The clients of one endpoint share a session, so that connections live on.
"""

import urllib.request

import aiohttp
from yarl import URL

from service.errors import SettingsError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})  # the emulator's place: no proxy is nearer

_CENTRAL = "ccc.aliyuncs.com"
# The regions that the SDK (alibabacloud-ccc20200701 2.35.0) sends to the central endpoint.
_CENTRAL_REGIONS = frozenset(
    (
        *("ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3"),
        *("ap-southeast-5", "cn-beijing", "cn-chengdu", "cn-hangzhou-finance", "cn-hongkong"),
        *("cn-huhehaote", "cn-north-2-gov-1", "cn-qingdao", "cn-shanghai-finance-1"),
        *("cn-shenzhen", "cn-shenzhen-finance-1", "cn-zhangjiakou", "eu-central-1", "eu-west-1"),
        *("me-east-1", "us-east-1", "us-west-1"),
    )
)


def endpoint_of(region: str) -> str:
    """The address of CCC for a region's id, such as `cn-shanghai`."""
    host = _CENTRAL if region in _CENTRAL_REGIONS else f"ccc.{region}.aliyuncs.com"
    return f"https://{host}"


def open_session(endpoint: str) -> aiohttp.ClientSession:
    """Open the session that the clients of one endpoint share; whoever opens it closes it.

    It goes through the environment's proxy, as the SDK does. It keeps no cookies, and has no
    timeouts of its own: each call has a budget.

    Raises:
        SettingsError: the environment's proxy is none that can be spoken to.
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


def _proxy(endpoint: URL) -> URL | None:
    # aiohttp's trust_env would read ~/.netrc too, for every call, and refuse our Authorization.
    host = endpoint.host or ""
    if host in LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    if not (given := urllib.request.getproxies().get(endpoint.scheme, "").strip()):
        return None
    try:
        proxy = URL(given if "://" in given else f"http://{given}")  # as curl and the SDK read it
    except ValueError:
        proxy = URL()
    # A path is the rest of a password that was not percent-encoded.
    is_whole = bool(proxy.host) and str(proxy.relative()) in ("", "/")
    if proxy.scheme not in ("http", "https") or not is_whole:
        variable = f"environment: {endpoint.scheme}_proxy"
        raise SettingsError([f"{variable}: found no proxy (hidden), expected http://host:port"])
    return proxy
