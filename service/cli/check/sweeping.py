"""A whole sweep from the command line: what the service would know, and let be picked."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from service.ccc.client import CccClient
from service.ccc.payloads import ListedPage
from service.cli.check.findings import Finding, SweptInventory
from service.cli.check.instances import Subject
from service.cli.terminal import Progress
from service.errors import SweepFailed
from service.inventory import bar
from service.locality import Locator
from service.policy import limits_namer, unused_overrides
from service.settings import NumberOverride, Settings
from service.sync.acceptance import Sweep, examples_of
from service.sync.sweeping import Sweeper


class CountingLister:
    """Lists for a sweep, and shows after each page how far it is."""

    def __init__(self, ccc: CccClient, progress: Progress) -> None:
        self._ccc = ccc
        self._progress = progress
        self._read = self._total = 0

    async def list_phone_numbers(self, instance_id: str, **asked: Any) -> ListedPage:
        """Return a page of an instance's numbers."""
        page = await self._ccc.list_phone_numbers(instance_id, **asked)
        self._read += len(page.numbers)
        self._total = max(self._total, page.total_count)  # a filtered page tells a part's total
        self._progress.show(f"{instance_id}: {self._read} of {self._total} numbers read")
        return page


async def sweep(
    subject: Subject, locator: Locator, settings: Settings, progress: Progress
) -> tuple[Finding, SweptInventory | None]:
    """Read a whole inventory as the service does.

    Args:
        subject: the instance and its client.
        locator: places the numbers.
        settings: say what is believed, and which numbers have limits of their own.
        progress: shows how many numbers have been read.
    """
    lister = CountingLister(subject.ccc, progress)
    try:
        seen = await Sweeper(lister, subject.id, locator)({})
        seen.check_readable(settings.inventory.max_unreadable)
    except SweepFailed as error:
        return Finding(_about(subject.id), "failed", str(error)), None
    swept = summary(seen, settings.numbers)
    return finding_on(subject.id, swept), swept


def finding_on(instance_id: str, swept: SweptInventory) -> Finding:
    """Sum a sweep up in one line."""
    if not swept.complete:
        text = f"{swept.numbers} of {swept.total} numbers were seen: the rest moved meanwhile"
        return Finding(_about(instance_id), "warning", text)
    usages = ", ".join(f"{count} {usage}" for usage, count in swept.usages.items())
    text = (
        f"{swept.numbers} numbers ({usages or 'none'}): {swept.available} to pick from, "
        f"{swept.agents} of them agents' own, in {len(swept.provinces)} provinces"
    )
    if swept.unreadable:
        text += f"; {swept.unreadable} rows cannot be read and are set aside: "
        text += ", ".join(swept.examples)
    is_fine = swept.available and not swept.unreadable
    return Finding(_about(instance_id), "fine" if is_fine else "warning", text)


def _about(instance_id: str) -> str:
    return f"sweep of {instance_id}"


def summary(swept: Sweep, overrides: Sequence[NumberOverride] = ()) -> SweptInventory:
    """Count what a sweep saw, and name the entries of `[[numbers]]` that are about none of it."""
    numbers = list(swept.numbers.values())
    available = [number for number in numbers if not bar(number)]
    of_groups = [number for number in available if not number.agent_id]
    return SweptInventory(
        numbers=len(numbers),
        total=swept.total,
        complete=swept.complete,
        available=len(available),
        agents=len(available) - len(of_groups),
        usages=_counted(number.usage for number in numbers),
        provinces=_counted(number.province for number in available if number.province),
        skill_groups=_counted(
            group for number in of_groups for group in set(number.skill_group_ids)
        ),
        unused_overrides=unused_overrides(overrides, map(limits_namer(overrides), numbers)),
        unreadable=len(swept.unreadable),
        examples=tuple(map(str, examples_of(swept.unreadable))),
    )


def _counted(values: Iterable[str]) -> dict[str, int]:
    """Count each value, the commonest first."""
    return dict(Counter(values).most_common())
