"""Typed configuration: its shapes and their defaults, section by section as the file has them.

The ranges of the values stand in `kinds`, what two keys must agree on in `rules`, the comments for
operators in `config/default.toml`. `loading` reads one TOML file and lays the environment over it,
`reading` turns both into these. This is not the place for what changes while the service runs, and
it starts nothing.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import force_setattr

from service.settings import kinds
from service.settings.experiment import ExperimentSettings as ExperimentSettings
from service.settings.kinds import Level as Level
from service.settings.kinds import Scope as Scope
from service.settings.kinds import Secret as Secret
from service.settings.sections import Console as Console
from service.settings.sections import HealthSettings as HealthSettings
from service.settings.sections import ReportSettings as ReportSettings


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is that of this machine to itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Server(Struct, frozen=True):
    """The listener, and how much it takes on."""

    host: kinds.Name = "127.0.0.1"
    port: kinds.Port = 8080
    workers: kinds.Positive = 1
    max_in_flight: kinds.Positive = 1024
    max_connections: kinds.Positive = 8192
    allowed_hosts: tuple[kinds.HostName, ...] = ()
    drain_seconds: kinds.Wait = 5

    @property
    def is_loopback(self) -> bool:
        """True if only this machine can reach the listener."""
        return is_loopback(self.host)


class Client(Struct, frozen=True):
    """A holder of a bearer token, for some instances or, with none named, for all.

    `max_in_flight` is a bound of its own on its picks; 0 is a fair share of the server's.
    """

    name: kinds.Name
    token: Secret
    scopes: kinds.Scopes
    instances: tuple[kinds.Word, ...] = ()
    max_in_flight: kinds.Limit = 0


class AccessKeySettings(Struct, frozen=True):
    """A key pair that signs requests at the RPC door; a temporary one has a security token."""

    id: kinds.Name
    secret: Secret
    scopes: kinds.Scopes
    security_token: Secret = Secret()
    instances: tuple[kinds.Word, ...] = ()


class Auth(Struct, frozen=True):
    """The credentials that requests may bear."""

    required: Literal["auto", "always", "never"] = "auto"
    clients: tuple[Client, ...] = ()
    access_keys: tuple[AccessKeySettings, ...] = ()


class Redis(Struct, frozen=True):
    """The shared ledger; without a URL it is embedded in the one process."""

    url: Secret = Secret()
    timeout_ms: kinds.Milliseconds = 30
    prefix: kinds.Word = "callerid"
    digest_key: Secret = Secret()


class CccSettings(Struct, frozen=True):
    """The way Alibaba Cloud CCC is called."""

    endpoint: str = "https://ccc.cn-shanghai.aliyuncs.com"
    timeout_ms: kinds.Milliseconds = 5000
    max_requests_per_second: kinds.Rate = 20


class InventorySettings(Struct, frozen=True):
    """The upkeep of the list of numbers, and what is not believed at once."""

    refresh_seconds: kinds.SweepInterval = 60
    stale_after_seconds: kinds.Interval = 600
    max_shrink: kinds.Share = 0.2
    max_unreadable: kinds.Share = 0.05


class LocalitySettings(Struct, frozen=True):
    """The file of the table of mobile prefixes; "" is the bundled one."""

    phone_dat: str = ""


class CallerLimits(Struct, frozen=True):
    """The limits on the use of one caller number; 0 is no limit."""

    max_per_hour: kinds.Limit = 0
    max_per_day: kinds.Limit = 0
    max_concurrent: kinds.Limit = 0
    lease_seconds: kinds.Window = 3600
    rest_seconds: kinds.Pause = 0


class CalleeRuleSettings(Struct, frozen=True):
    """At most `limit` picks for one called number in a window."""

    limit: kinds.Positive
    window_seconds: kinds.Window
    kind: Literal["sliding", "calendar"]


class CalleeLimits(Struct, frozen=True):
    """The limits on what one called number is shown, over all callers of a scope."""

    rules: tuple[CalleeRuleSettings, ...] = ()
    cooldown_seconds: kinds.Pause = 0
    sticky_seconds: kinds.Pause = 0


class Selection(Struct, frozen=True):
    """The rules by which a number is chosen."""

    levels: kinds.Levels = ("city", "area_code", "province", "any")
    fallback: Literal["ccc", "refuse"] = "ccc"
    fallback_timeout_ms: kinds.Milliseconds = 1500
    pick_timeout_ms: kinds.Milliseconds = 60
    idempotency_seconds: kinds.Pause = 300
    timezone: kinds.Name = "Asia/Shanghai"
    calling_window: str = ""
    caller: CallerLimits = CallerLimits()
    callee: CalleeLimits = CalleeLimits()
    near: Mapping[str, kinds.Places] = {}
    spare_first: kinds.Cities = 0


class SipAction(Struct, frozen=True):
    """The action of an outcome's SIP code, and for how many seconds."""

    action: Literal["rest_number", "rest_provider", "park_number", "stop_callee", "avoid_region"]
    seconds: kinds.Window


class NumberMatch(Struct, frozen=True):
    """The one property by which an override finds its numbers."""

    number: Secret = Secret()
    tag: kinds.Line = ""
    provider: kinds.Line = ""


class NumberOverride(Struct, frozen=True):
    """Other caller limits for some numbers; None leaves what `[selection.caller]` says.

    Callees of the places in `avoid`, provinces or cities, never see these numbers.
    """

    match: NumberMatch
    max_per_hour: kinds.Limit | None = None
    max_per_day: kinds.Limit | None = None
    max_concurrent: kinds.Limit | None = None
    lease_seconds: kinds.Window | None = None
    rest_seconds: kinds.Pause | None = None
    avoid: kinds.Avoided = ()


class InstanceCcc(Struct, frozen=True):
    """An instance's own credentials and endpoint; empty is the official chain and `[ccc]`.

    `account` names the account that several keys belong to: its rate limit is one.
    """

    access_key_id: str = ""
    access_key_secret: Secret = Secret()
    security_token: Secret = Secret()
    account: kinds.OptionalWord = ""
    region: kinds.Region = ""
    endpoint: str = ""


class InstanceSettings(Struct, frozen=True):
    """One CCC instance; `selection` is whole where the instance overrides any of it."""

    id: kinds.Word
    scope: kinds.OptionalWord = ""
    ccc: InstanceCcc = InstanceCcc()
    selection: Selection | None = None

    def __post_init__(self) -> None:
        if not self.scope:
            force_setattr(self, "scope", self.id)


class Settings(Struct, frozen=True):
    """Everything that the operator said, checked."""

    server: Server = Server()
    auth: Auth = Auth()
    redis: Redis = Redis()
    ccc: CccSettings = CccSettings()
    inventory: InventorySettings = InventorySettings()
    locality: LocalitySettings = LocalitySettings()
    selection: Selection = Selection()
    experiment: ExperimentSettings = ExperimentSettings()
    reports: ReportSettings = ReportSettings()
    health: HealthSettings = HealthSettings()
    sip_actions: Mapping[kinds.SipCode, SipAction] = field(default_factory=dict)
    console: Console = Console()
    numbers: tuple[NumberOverride, ...] = ()
    instances: tuple[InstanceSettings, ...] = ()

    def selection_for(self, instance: InstanceSettings) -> Selection:
        """The `[selection]` that holds for an instance: its own, or the common one."""
        return instance.selection or self.selection

    @property
    def auth_is_required(self) -> bool:
        """True if a request must bear a credential: always, never, or beyond loopback."""
        if self.auth.required == "auto":
            return not self.server.is_loopback
        return self.auth.required == "always"
