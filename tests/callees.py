"""Callees over a ledger of a test's own."""

from importlib import resources

from msgspec import Struct

from service.errors import OutsideCallingWindow
from service.ledger import Ledger, Rules
from service.locality import Locator
from service.numbers.callees import Callees
from service.picking.instance import Digests
from tests.fakes import in_place_of

CALLED = "13888888888"  # of 昆明, 云南
LOCATOR = Locator(resources.files("phone").joinpath("phone.dat").read_bytes())
DIGESTS = Digests(b"a key", "ccc-test")
CALLEE = DIGESTS.callee(CALLED)
NOW = 1_042_000


class CalleesInstance(Struct, frozen=True):
    """What is asked of an instance about its callees."""

    ledger: Ledger
    rules: Rules
    shut: OutsideCallingWindow | None
    at: int
    digests: Digests = DIGESTS

    def now(self) -> int:
        return self.at

    def closed(self) -> OutsideCallingWindow | None:
        return self.shut


def callees_over(
    ledger: Ledger,
    *ids: str,
    rules: Rules | None = None,
    closed: OutsideCallingWindow | None = None,
    now: int = NOW,
) -> Callees:
    """The callees of instances over one ledger, at an instant in ms."""
    instance = CalleesInstance(ledger, rules or Rules(), closed, now)
    return Callees(in_place_of(dict.fromkeys(ids or ("ccc-test",), instance)), LOCATOR)
