"""Pure: what the SIP code of a call that ended does to its caller, its provider or its callee.

The codes differ by partner, so which code does what is configuration; what each action means is
said here. Not for carrying it out.
"""

from collections.abc import Iterable

import msgspec

from service.inventory import PhoneNumber
from service.ledger.port import Avoid, Park, Stop
from service.settings import SipAction


class Ended(msgspec.Struct, frozen=True):
    """A call that ended, "" for what is not known of it.

    `callee` is the digest of the called number, `region` the province where that belongs, `code` is
    that of SIP.
    """

    number: str = ""
    provider: str = ""
    callee: str = ""
    region: str = ""
    code: int = 0


class RestProvider(msgspec.Struct, frozen=True):
    """Keep all numbers of a provider out until an instant."""

    provider: str
    until: int


Action = Park | Stop | RestProvider | Avoid

_REASONS = {"rest_number": "sip_rest", "park_number": "sip_park"}


def action_for(rule: SipAction, ended: Ended, now: int) -> Action | None:
    """Return the action of a rule for a call that ended, if any.

    Args:
        rule: what the configuration says of the call's SIP code.
        ended: the call.
        now: ms since 1970.

    Returns:
        The action, or None where the call is not known well enough for it.
    """
    until = now + rule.seconds * 1000
    match rule.action:
        case "rest_number" | "park_number" if ended.number:
            return Park(ended.number, _REASONS[rule.action], until)
        case "rest_provider" if ended.provider:
            return RestProvider(ended.provider, until)
        case "rest_provider" if ended.number:  # of a provider without a name it is the one we know
            return Park(ended.number, "provider", until)
        case "stop_callee" if ended.callee:
            return Stop(ended.callee, until, reason=f"SIP {ended.code}")
        case "avoid_region" if ended.number and ended.region:
            return Avoid(ended.number, ended.region, until)
    return None


def parks_for(rest: RestProvider, numbers: Iterable[PhoneNumber]) -> list[Park]:
    """A park for each of these numbers that is the provider's."""
    return [
        Park(own.number, "provider", rest.until) for own in numbers if own.provider == rest.provider
    ]
