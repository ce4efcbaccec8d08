"""The dependencies of the handlers, handed in, and what is derived from them at the start."""

import itertools
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Self

import msgspec
from aiohttp import web
from msgspec import Meta

from service.api.auth import Asker, Tokens, holder_of
from service.api.gate import Gate
from service.api.nonces import LocalNonces, Nonces
from service.api.pages import guard_of
from service.api.pulse import Pulse
from service.api.recent import KEPT, LastPicks
from service.experiment import Experiment
from service.metrics import Metrics
from service.numbers.callees import Callees
from service.numbers.coverages import Coverages
from service.numbers.directory import Directory
from service.numbers.overview import Overviews
from service.numbers.parking import Parking
from service.outcomes import Outcomes
from service.picking.picker import Picker
from service.picking.trial import Trials
from service.provisioning.provisioner import Provisioner
from service.reports.calls import CallCounter
from service.settings import Scope, Settings
from service.sync import InventoryKeeper
from service.tally import Children

InventoryCondition = Literal["ready", "stale", "missing"]

_FOR_WHOM = "Shown to who has the scope `metrics` or `admin`."


class Components(msgspec.Struct, frozen=True):
    """The state of the named components."""

    inventory: Annotated[
        Mapping[str, InventoryCondition], Meta(description=f"By instance id. {_FOR_WHOM}")
    ]
    redis: Annotated[
        Literal["up", "down", "embedded"], Meta(description="`down` is shown and stays ready.")
    ]
    draining: Annotated[bool, Meta(description="Whether the process is about to end.")]
    redis_detail: Annotated[
        Mapping[str, str],
        Meta(
            description=f"Redis's own words for why it does not serve, by instance id. {_FOR_WHOM}"
        ),
    ] = {}

    @property
    def is_ready(self) -> bool:
        """Return whether to send requests here: Redis may be down, an inventory must be there."""
        has_one = any(state != "missing" for state in self.inventory.values())
        return has_one and not self.draining

    def without_names(self) -> Self:
        """Return the states alone: no instance's id, and none of Redis's words."""
        return msgspec.structs.replace(self, inventory={}, redis_detail={})


class Parts(msgspec.Struct, frozen=True):
    """The dependencies of the HTTP side.

    `keepers`, `experiments` and `calls` are by instance id, `new_id` makes request ids, `timer`
    counts seconds that only go forward, `clock` gives the Unix time, `body_seconds` is what a body
    may take to arrive. `nonces` are those that all replicas share, None where there is but one
    process.
    """

    settings: Settings
    picker: Picker
    outcomes: Outcomes
    directory: Directory
    parking: Parking
    provisioner: Provisioner
    keepers: Mapping[str, InventoryKeeper]
    metrics: Metrics
    health: Callable[[], Components]
    is_draining: Callable[[], bool]
    new_id: Callable[[], str]
    timer: Callable[[], float]
    overviews: Overviews
    trials: Trials
    coverages: Coverages
    experiments: Mapping[str, Experiment]
    callees: Callees
    calls: Mapping[str, CallCounter]
    clock: Callable[[], float] = time.time
    body_seconds: float = 1.0
    nonces: Nonces | None = None
    unused_overrides: Callable[[], tuple[str, ...]] = tuple


class Api:
    """The parts, with what is worth making once; `settings` are those that let in and keep out.

    `on_reload` has what must be forgotten when others are let in.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.on_reload: list[Callable[[], object]] = []
        self.gate = Gate(parts.settings, parts.metrics, parts.timer)
        self.admit_by(parts.settings)
        self.nonces: Nonces = LocalNonces()
        self.shared_nonces = self.nonces if parts.nonces is None else parts.nonces
        self.pulse = Pulse(parts.timer)
        self.replied = parts.metrics.replied
        self.answered = parts.metrics.answered
        self.refused = Children(parts.metrics.pick_refusals)
        self.last_picks = LastPicks(maxlen=KEPT if parts.settings.console.enabled else 0)
        ids = [instance.id for instance in parts.settings.instances]
        self._labels = {instance_id: instance_id for instance_id in ids}
        self._labels[""] = ids[0] if len(ids) == 1 else ""

    def admit_by(self, settings: Settings) -> None:
        """Let in those whom a configuration names, and nobody whom only one before it did.

        Args:
            settings: with the listener as it is.
        """
        self.settings = settings
        self.tokens = Tokens(settings)
        # The access keys by their ids, which are no secret, and their holders.
        self.keys = {
            key.id: (key, holder_of(key.id, key, settings)) for key in settings.auth.access_keys
        }
        self.page_guard = guard_of(settings)
        self.gate.share_by(settings)
        for forget in self.on_reload:
            forget()

    def label(self, instance_id: str) -> str:
        """The instance as metrics name it: never what a client made up."""
        return self._labels.get(instance_id, "")


API = web.AppKey("API", Api)
REQUEST_ID = web.RequestKey("REQUEST_ID", str)


def admitted(request: web.Request, scope: Scope) -> tuple[Api, Asker]:
    """Return the parts, and who asks, whose token must have a scope.

    Raises:
        Unauthenticated, Forbidden: as `Tokens.require`.
    """
    api = request.app[API]
    return api, api.tokens.require(request, scope)


def arrival_of(request: web.Request, api: Api) -> float:
    """Return when a request was last read from, by the timer; now where nobody has noted it."""
    arrived: float | None = getattr(request.protocol, "arrived", None)
    return api.parts.timer() if arrived is None else arrived


def request_ids() -> Callable[[], str]:
    """Return a maker of unique ids, cheaper than a random one each: a pick waits for its own."""
    form = f"{uuid.uuid4().hex[:20]}%012x"
    return map(form.__mod__, itertools.count()).__next__
