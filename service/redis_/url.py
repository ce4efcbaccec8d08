"""Read the URL of Redis: one server, Sentinels that know it, or a cluster.

Pure: it reads a text. Who opens connections by it is `client`, who looks for the servers
`topology`.
"""

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import msgspec

FORMS = (
    "redis://, rediss:// or unix:// and a place, redis+sentinel://h1,h2/service, "
    "redis+cluster://h1,h2, or the last two with rediss+; / ? # @ in a password as %2F %3F %23 %40"
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

# What a query may set, by redis-py's names, and its values; the rest is not the URL's to set.
_VALUES = {"db": "[0-9]+", "username": ".*", "password": ".*"}
_VALUES_OVER_TLS = _VALUES | {
    "ssl_ca_certs": ".*",
    "ssl_ca_data": ".*",
    "ssl_ca_path": ".*",
    "ssl_cert_reqs": "none|optional|required",
    "ssl_certfile": ".*",
    "ssl_check_hostname": "(?i:true|false|yes|no|1|0)",
    "ssl_ciphers": ".*",
    "ssl_keyfile": ".*",
    "ssl_password": ".*",
}
OPTIONS = f"{', '.join(_VALUES_OVER_TLS)}, each once, and those of ssl_ over TLS alone"


class OptionError(ValueError):
    """What stands behind a URL is not the URL's to set."""


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
        OptionError: an option is none of `OPTIONS`, or has not a value of its kind.
        ValueError: it is none. The message does not repeat it, since it may hold a password.
    """
    try:
        _check_signs(url)
        return _read(url)
    except OptionError:
        raise
    except ValueError:  # urllib's repeat what they cannot read
        raise ValueError("no URL of Redis") from None


def _check_signs(url: str) -> None:
    """Refuse what urllib would drop, and an @ behind the first / ? or #, where any host ends.

    There it is the rest of a password that is not percent-encoded.
    """
    _, separator, rest = url.partition("://")
    has_late_at = re.search("[/?#].*@", rest) is not None
    if not separator or has_late_at or not url.isprintable() or url != url.strip():
        raise ValueError("no URL of Redis")


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
    elif "db" in options:
        raise OptionError
    server = f"{found['scheme']}://{found['login'] or ''}server/{database}?{urlencode(options)}"
    return RedisUrl(kind, _one_server(server).server, hosts, service, login)


def _one_server(url: str) -> RedisUrl:
    parts = urlsplit(url)
    if not _has_place(parts) or "#" in url:
        raise ValueError("no URL of Redis")
    has_database = parts.scheme != "unix" and parts.path not in ("", "/")
    _check_options(_read_query(parts.query), parts.scheme, has_database=has_database)
    return RedisUrl("server", url)


def _has_place(parts: SplitResult) -> bool:
    """Return whether a URL names a host and at most a database, or a socket and no host."""
    if parts.scheme == "unix":
        return bool(parts.path) and parts.hostname is None
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        return False
    return "," not in parts.hostname and parts.port != 0 and bool(_DATABASE.fullmatch(parts.path))


def _read_query(query: str) -> dict[str, str]:
    """Read a query, each option once."""
    pairs = parse_qsl(query, strict_parsing=True, keep_blank_values=True) if query else []
    options = dict(pairs)
    if len(options) < len(pairs):
        raise OptionError
    return options


def _check_options(options: Mapping[str, str], scheme: str, *, has_database: bool) -> None:
    values = _VALUES_OVER_TLS if scheme == "rediss" else _VALUES
    for name, value in options.items():
        if name not in values or not re.fullmatch(values[name], value, re.DOTALL):
            raise OptionError
    if has_database and "db" in options:
        raise OptionError


def _address(text: str, usual_port: int) -> Address:
    found = _HOST.fullmatch(text)
    port = int(found[2] or usual_port) if found else 0
    if found is None or not 0 < port < 2**16:
        raise ValueError("no host and port")
    return found[1].strip("[]"), port
