"""Find out which actions RAM allows to an instance's credentials, without doing anything.

Each action is called in a way that CCC must refuse, or that asks for nothing. The gateway asks RAM
before CCC looks at the parameters: a `Parameter.*` of CCC's own, or a success, says that RAM let
the call through, and a 403 that it did not. All else, such as a refusal of the gateway's, proves
neither.

| action | is called with | why nothing comes of it |
|---|---|---|
| PickOutboundNumbers | no skill group, a callee that is none, `Count` 0 | it only reads |
| GetNumberLocation | a number that everybody knows | it only reads |
| AddPhoneNumbers | an empty list, a `Usage` that there is not | either alone stops it |
| AddBulkPhoneNumbers | one empty number, a `Usage` that there is not | either alone stops it |
"""

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus

import msgspec

from service.ccc.client import CccClient
from service.ccc.replies import CccReply
from service.ccc.requests import BY_RPC_V1, Action
from service.cli.check.findings import Permission, Permissions
from service.errors import CccError

LIST = "ListPhoneNumbers"
LIST_COST = "no number is known, and none is picked"
_BY_CCC_ITSELF = ("Parameter.", "NotExists.")


def _no_answer(_: CccReply) -> None:
    """Decode nothing: only whether there is an answer matters here."""


class Probe(msgspec.Struct, frozen=True):
    """A call that does nothing; `cost` is what goes missing where RAM denies it."""

    action: Action[None]
    params: Mapping[str, str]
    cost: str


PICK = Probe(
    Action("PickOutboundNumbers", _no_answer),
    {"CalledNumber": "0", "SkillGroupIdList": "[]", "Count": "0"},
    "no fallback to CCC",
)
OTHERS = (
    Probe(
        Action("GetNumberLocation", _no_answer),
        {"Number": "13800138000"},
        "unknown prefixes stay unknown",
    ),
    Probe(
        Action("AddPhoneNumbers", _no_answer),
        {"NumberList": "[]", "Usage": "None"},
        "additions will fail",
    ),
    Probe(
        Action("AddBulkPhoneNumbers", _no_answer, version=BY_RPC_V1),
        {"PhoneNumber.1": "", "Usage": "None"},
        "additions in bulk will fail",
    ),
)
ACTIONS = (LIST, *(probe.action.name for probe in (PICK, *OTHERS)))


async def permissions_of(
    ccc: CccClient, instance_id: str, probes: Iterable[Probe] = (PICK, *OTHERS)
) -> Permissions:
    """Find out each action's permission, all at once.

    Args:
        ccc: the client with the instance's credentials.
        instance_id: the instance.
        probes: what to call.
    """

    async def ask(probe: Probe) -> Permission:
        try:
            await ccc.call(probe.action, {"InstanceId": instance_id, **probe.params})
        except CccError as error:
            return permission_by(error, probe.cost)
        return Permission("allowed")

    found = [(probe.action.name, ask(probe)) for probe in probes]
    answers = await asyncio.gather(*(answer for _, answer in found))
    return dict(zip((name for name, _ in found), answers, strict=True))


def permission_by(error: CccError, cost: str) -> Permission:
    """Derive an action's permission from the error that it met."""
    if error.status == HTTPStatus.FORBIDDEN:
        return Permission("denied", error.ccc_code, cost)
    if error.ccc_code.startswith(_BY_CCC_ITSELF):
        return Permission("allowed")
    return Permission("unknown", error.ccc_code)
