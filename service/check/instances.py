"""What CCC says to each instance, with the instance's own credentials; all are asked at once."""

import asyncio
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import NamedTuple

from service.ccc.client import CccClient
from service.check.advice import GRANT, told
from service.check.findings import Finding, InstanceReport, Permission, Permissions
from service.check.permissions import (
    ACTIONS,
    LIST,
    LIST_COST,
    OTHERS,
    PICK,
    permission_by,
    permissions_of,
)
from service.errors import CccError
from service.terminal import Progress

IN_FLIGHT = 50  # instances; each has up to four calls under way


class Subject(NamedTuple):
    """An instance, its client, and what it falls back to where it has no candidate."""

    id: str
    ccc: CccClient
    fallback: str


class Outcome(NamedTuple):
    """What was found of one instance."""

    report: InstanceReport
    findings: tuple[Finding, ...]


async def ask_all(subjects: Sequence[Subject], progress: Progress) -> list[Outcome]:
    """Ask for every instance, many at a time; the outcomes are in the order of the subjects.

    Args:
        subjects: the instances whose endpoints answer.
        progress: shows how many have been asked.
    """
    free, count = asyncio.Semaphore(IN_FLIGHT), 0

    async def one(subject: Subject) -> Outcome:
        nonlocal count
        async with free:
            outcome = await ask(subject)
        count += 1
        progress.show(f"asked CCC for {count} of {len(subjects)} instances")
        return outcome

    return await asyncio.gather(*map(one, subjects))


async def ask(subject: Subject) -> Outcome:
    """Ask for one instance: its numbers, then what else RAM allows."""
    instance_id = subject.id
    numbers, listing = None, Permission("allowed")
    try:
        numbers = (await subject.ccc.list_phone_numbers(instance_id, page_size=1)).total_count
    except CccError as error:
        finding = Finding(instance_id, "failed", f"ListPhoneNumbers: {told(error)}")
        if error.status != HTTPStatus.FORBIDDEN:
            # Whatever it is, it would be the answer to every other action.
            return Outcome(InstanceReport(instance_id), (finding,))
        listing = permission_by(error, LIST_COST)
    else:
        finding = Finding(instance_id, "fine", f"CCC lists {numbers} numbers")
    probes = (PICK, *OTHERS) if subject.fallback == "ccc" else OTHERS
    found = {LIST: listing} | await permissions_of(subject.ccc, instance_id, probes)
    report = InstanceReport(instance_id, numbers, found)
    return Outcome(report, (finding, *_permission_findings(instance_id, found)))


def _permission_findings(instance_id: str, found: Permissions) -> Iterable[Finding]:
    """A line for what is allowed, and one for each action that is not, or not surely."""
    allowed = [
        action for action in ACTIONS if action in found and found[action].access == "allowed"
    ]
    if allowed:
        yield Finding(instance_id, "fine", f"RAM allows {', '.join(allowed)}")
    for action, one in found.items():
        if action != LIST and one.access == "denied":
            text = f"RAM denies {action} ({one.code}): {one.cost}; {GRANT}"
            yield Finding(instance_id, "warning", text)
        elif one.access == "unknown":
            text = f"whether RAM allows {action} is unknown: the answer was {one.code}"
            yield Finding(instance_id, "warning", text)
