"""Read the URL of Redis: one server, Sentinels that know it, or a cluster.

Pure: it reads a text. Who opens connections by it is `client`, who looks for the servers
`topology`.
"""

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

FORMS = (
    "redis://, rediss:// or unix:// and a place, redis+sentinel://h1,h2/service, "
    "redis+cluster://h1,h2, or the last two with rediss+"
)

Address = tuple[str, int]

_PORTS = {"sentinel": 26379, "cluster": 6379}
_BEYOND_ONE = re.compile(
    r"(?P<scheme>rediss?)\+(?P<kind>sentinel|cluster)://(?P<login>[^@/?#]*@)?(?P<hosts>[^@/?#]+)"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+)(?::([0-9]{1,5}))?")
_SERVICE_AND_DB = re.compile(r"/([^/]+)(?:/([0-9]+))?")
_DATABASE = re.compile(r"/?|/[0-9]+")

# What a query may set, by redis-py's names; the rest of a connection's options is not the URL's.
_OPTIONS = frozenset({"db", "username", "password"})
_OVER_TLS = frozenset(
    f"ssl_{name}"
    for name in (
        *("ca_certs", "ca_data", "ca_path", "cert_reqs", "certfile", "check_hostname"),
        *("ciphers", "keyfile", "password"),
    )
)


class RedisUrl(msgspec.Struct, frozen=True):
    """A URL, read.

    `server` is the URL of one server of data, as redis-py takes it; beyond one server its host
    only stands in. `hosts` are the Sentinels, or the nodes of the cluster to ask first.
    """

    kind: Literal["server", "sentinel", "cluster"]
    server: str
    hosts: tuple[Address, ...] = ()
    service: str = ""
    sentinel_login: tuple[str, str] = ("", "")

    def __repr__(self) -> str:  # the rest holds passwords
        return f"RedisUrl({self.kind})"


def read_url(url: str) -> RedisUrl:
    """Read a URL.

    Args:
        url: one of FORMS. A user and password in it are those of the servers that hold the data;
            the Sentinels' own are `sentinel_username` and `sentinel_password` in its query, and
            the number of the database behind the service: `/service/2`.

    Raises:
        ValueError: it is none. The message does not repeat it, since it may hold a password.
    """
    try:
        return _read(url)
    except ValueError:  # urllib's repeat what they cannot read
        raise ValueError("no URL of Redis") from None


def _read(url: str) -> RedisUrl:
    if (found := _BEYOND_ONE.fullmatch(url)) is None:
        return _one_server(url)
    kind: Literal["sentinel", "cluster"] = "sentinel" if found["kind"] == "sentinel" else "cluster"
    hosts = tuple(_address(host, _PORTS[kind]) for host in found["hosts"].split(","))
    path, options = found["path"] or "", _read_query(found["query"] or "")
    service, database, login = "", "", ("", "")
    if kind == "sentinel":
        if (named := _SERVICE_AND_DB.fullmatch(path)) is None:
            raise ValueError("no name of a service behind the Sentinels")
        service, database = named[1], named[2] or ""
        login = options.pop("sentinel_username", ""), options.pop("sentinel_password", "")
    elif path not in ("", "/"):
        raise ValueError("a cluster has one database")
    _check_options(options, found["scheme"])
    server = f"{found['scheme']}://{found['login'] or ''}server/{database}?{urlencode(options)}"
    return RedisUrl(kind, server, hosts, service, login)


def _one_server(url: str) -> RedisUrl:
    parts = urlsplit(url)
    if parts.scheme in ("redis", "rediss"):
        _ = parts.port  # raises where it is no port
        place = parts.hostname if _DATABASE.fullmatch(parts.path) else ""
    else:
        place = parts.path if parts.scheme == "unix" else ""
    if not place or parts.fragment:
        raise ValueError("no URL of Redis")
    _check_options(_read_query(parts.query), parts.scheme)
    return RedisUrl("server", url)


def _read_query(query: str) -> dict[str, str]:
    """Read a query; the rest of a password that is not percent-encoded is none."""
    return dict(parse_qsl(query, strict_parsing=True)) if query else {}


def _check_options(options: Mapping[str, str], scheme: str) -> None:
    allowed = _OPTIONS | _OVER_TLS if scheme == "rediss" else _OPTIONS
    if options.keys() - allowed:
        raise ValueError("an option that is not the URL's to set")


def _address(text: str, usual_port: int) -> Address:
    found = _HOST.fullmatch(text)
    port = int(found[2] or usual_port) if found else 0
    if found is None or not 0 < port < 2**16:
        raise ValueError("no host and port")
    return found[1].strip("[]"), port
