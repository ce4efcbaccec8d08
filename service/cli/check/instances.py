"""Ask CCC about each instance with the instance's own credentials, all at once.

Of a refusal it also says what an operator can do about it, by the beginning of its code. Which
actions RAM allows is found out without doing anything: each is called in a way that CCC must
refuse, or that asks for nothing. The gateway asks RAM before CCC looks at the parameters: a
`Parameter.*` of CCC's own, or a success, says that RAM let the call through, and a 403 that it did
not. All else, such as a refusal of the gateway's, proves neither.

| action | is called with | why nothing comes of it |
|---|---|---|
| PickOutboundNumbers | no skill group, a callee that is none, `Count` 0 | it only reads |
| GetNumberLocation | a number that everybody knows | it only reads |
| AddPhoneNumbers | an empty list, a `Usage` that there is not | either alone stops it |
| AddBulkPhoneNumbers | one empty number, a `Usage` that there is not | either alone stops it |
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple, TypeAlias

import msgspec

from service.ccc.client import CccClient
from service.ccc.replies import CccReply
from service.ccc.requests import BY_RPC_V1, Action
from service.cli.check.findings import Finding, InstanceReport, Permission, Permissions
from service.cli.terminal import Progress
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

IN_FLIGHT = 50  # instances; each has up to four calls under way
GRANT = "grant it to the key's RAM user or role, as deploy/ram-policy.json does"

# Codes of CCC and of the gateway before it; the last four are our client's own.
_ADVICE = {
    "Forbidden": GRANT,
    "NoPermission": GRANT,
    "InvalidAccessKeyId": "there is no such key, or it is disabled: correct the access key's id",
    "InvalidCredentials": "",  # its message says it all
    "InvalidSecurityToken": "the STS token is expired or another key's: renew all three together",
    "SignatureDoesNotMatch": "the secret is not this key's: copy it anew, without spaces",
    "IncompleteSignature": "something between here and CCC changes the request: look at the proxy",
    "InvalidTimeStamp": "set this machine's clock by NTP",
    "NotExists.InstanceId": "the key's account has no such instance: correct the id in "
    "[[instances]], or give the instance the credentials of its own account",
    "Throttling": "the account's calls are used up, by other programs too: check again later, or "
    "lower ccc.max_requests_per_second",
    "InvalidAction": "this endpoint does not know the action: correct ccc.endpoint",
    "InvalidVersion": "this endpoint does not know the action: correct ccc.endpoint",
    "InternalError": "CCC itself is in trouble: check again later",
    "ServiceUnavailable": "CCC itself is in trouble: check again later",
    "HTTP": "what answers is not CCC: correct ccc.endpoint, or look at the proxy between",
    "Malformed": "what answers is not CCC: correct ccc.endpoint, or look at the proxy between",
    "Timeout": "look at the firewall and the proxy between, or raise ccc.timeout_ms",
    "Connection": "look at the firewall and the proxy between",
}


def advised(error: CccError) -> str:
    """An error in one line, and what to do about it where its own words do not say so."""
    fitting = (advice for code, advice in _ADVICE.items() if error.ccc_code.startswith(code))
    return "; ".join(filter(None, (" ".join(str(error).split()), next(fitting, ""))))


class Subject(NamedTuple):
    """An instance, its client, and what it falls back to where it has no candidate."""

    id: str
    ccc: CccClient
    fallback: str


Outcome: TypeAlias = tuple[InstanceReport, tuple[Finding, ...]]


async def ask_all(subjects: Sequence[Subject], progress: Progress) -> list[Outcome]:
    """Ask for every instance, many at a time; the outcomes are in the order of the subjects.

    Args:
        subjects: the instances whose endpoints answer.
        progress: shows how many have been asked.
    """
    free, count = asyncio.Semaphore(IN_FLIGHT), 0

    async def ask_counted(subject: Subject) -> Outcome:
        nonlocal count
        async with free:
            outcome = await ask(subject)
        count += 1
        progress.show(f"asked CCC for {count} of {len(subjects)} instances")
        return outcome

    return await asyncio.gather(*map(ask_counted, subjects))


async def ask(subject: Subject) -> Outcome:
    """Ask for one instance: its numbers, then what else RAM allows."""
    instance_id = subject.id
    numbers, listing = None, Permission("allowed")
    try:
        numbers = (await subject.ccc.list_phone_numbers(instance_id, page_size=1)).total_count
    except CccError as error:
        finding = Finding(instance_id, "failed", f"ListPhoneNumbers: {advised(error)}")
        if error.status != HTTPStatus.FORBIDDEN:
            # Whatever it is, it would be the answer to every other action.
            return InstanceReport(instance_id), (finding,)
        listing = permission_by(error, LIST_COST)
    else:
        finding = Finding(instance_id, "fine", f"CCC lists {numbers} numbers")
    probes = (PICK, *OTHERS) if subject.fallback == "ccc" else OTHERS
    permissions = {LIST: listing} | await permissions_of(subject.ccc, instance_id, probes)
    report = InstanceReport(instance_id, numbers, permissions)
    return report, (finding, *_permission_findings(instance_id, permissions))


def _permission_findings(instance_id: str, permissions: Permissions) -> Iterable[Finding]:
    """A line for what is allowed, and one for each action that is not, or not surely."""
    allowed = [name for name in ACTIONS if permissions.get(name) == Permission("allowed")]
    if allowed:
        yield Finding(instance_id, "fine", f"RAM allows {', '.join(allowed)}")
    for action, permission in permissions.items():
        if action != LIST and permission.access == "denied":
            text = f"RAM denies {action} ({permission.code}): {permission.cost}; {GRANT}"
            yield Finding(instance_id, "warning", text)
        elif permission.access == "unknown":
            text = f"whether RAM allows {action} is unknown: the answer was {permission.code}"
            yield Finding(instance_id, "warning", text)


async def permissions_of(ccc: CccClient, instance_id: str, probes: Sequence[Probe]) -> Permissions:
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

    permissions = await asyncio.gather(*map(ask, probes))
    names = (probe.action.name for probe in probes)
    return dict(zip(names, permissions, strict=True))


def permission_by(error: CccError, cost: str) -> Permission:
    """Derive an action's permission from the error that it met."""
    if error.status == HTTPStatus.FORBIDDEN:
        return Permission("denied", error.ccc_code, cost)
    if error.ccc_code.startswith(_BY_CCC_ITSELF):
        return Permission("allowed")
    return Permission("unknown", error.ccc_code)
