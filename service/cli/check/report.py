"""Make the report: Redis first, then CCC's endpoints, then each instance behind one that answers.

What is common is tried once: two hundred instances behind a dead endpoint wait for it once.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack

from msgspec.structs import replace

from service.ccc.accounts import Accounts
from service.cli.check.endpoints import reach
from service.cli.check.findings import Finding, InstanceReport, Report
from service.cli.check.instances import Outcome, Subject, ask_all
from service.cli.check.redis import check_redis, open_redis
from service.cli.check.sweeping import sweep
from service.cli.terminal import Progress
from service.locality import Locator, prefix_table
from service.metrics import Metrics
from service.settings import Settings


async def report_on(settings: Settings, progress: Progress, *, sweeps: bool) -> Report:
    """Try everything.

    Args:
        settings: the configuration.
        progress: shows what is being waited for.
        sweeps: whether to read the whole inventories, too.

    Raises:
        SettingsError: Redis has no address that can be asked.
    """
    locator, findings = _begun(settings)
    async with AsyncExitStack() as lifetime:
        progress.show("asking Redis")
        redis = open_redis(settings, lifetime)
        of_redis = await check_redis(settings, redis)
        if _is_amiss(of_redis):
            redis = None  # else the rate limit would wait for it before every call
        progress.show("asking CCC")
        accounts = Accounts(settings, redis, Metrics(), lifetime)
        endpoints = {
            instance.id: accounts.endpoint_for(instance) for instance in settings.instances
        }
        reached = await reach(endpoints.values(), settings.ccc.timeout_ms / 1000)
        behind = {id_: reached[endpoint] for id_, endpoint in endpoints.items()}
        subjects = await _subjects(settings, accounts, behind)
        outcomes = await ask_all(subjects, progress)
        if sweeps and locator:
            most = settings.inventory.max_unreadable
            outcomes = await _swept(subjects, outcomes, locator, progress, most)
    findings += [*of_redis, *reached.values()]
    findings += [finding for _, of_instance in outcomes for finding in of_instance]
    findings += _not_asked(behind)
    asked = {report.id: report for report, _ in outcomes}
    reports = (
        asked.get(instance.id, InstanceReport(instance.id)) for instance in settings.instances
    )
    return Report(not _is_amiss(findings), tuple(findings), tuple(reports))


def _begun(settings: Settings) -> tuple[Locator | None, list[Finding]]:
    """Check what a start needs before it asks anybody: configuration and table of prefixes."""
    read = Finding("configuration", "fine", f"{len(settings.instances)} instance(s)")
    try:
        return Locator(prefix_table.read(settings.locality.phone_dat)), [read]
    except (OSError, ValueError) as error:
        return None, [read, Finding("locality.phone_dat", "failed", str(error))]


def _is_amiss(findings: Iterable[Finding]) -> bool:
    return any(finding.state == "failed" for finding in findings)


async def _subjects(
    settings: Settings, accounts: Accounts, behind: Mapping[str, Finding]
) -> list[Subject]:
    """The instances that there is a point in asking for: `behind` tells of their endpoints."""
    return [
        Subject(
            instance.id,
            await accounts.client_for(instance),
            settings.selection_for(instance).fallback,
        )
        for instance in settings.instances
        if behind[instance.id].state != "failed"
    ]


def _not_asked(behind: Mapping[str, Finding]) -> list[Finding]:
    return [
        Finding(id_, "failed", f"not asked: see {endpoint.about}")
        for id_, endpoint in behind.items()
        if endpoint.state == "failed"
    ]


async def _swept(
    subjects: Sequence[Subject],
    outcomes: Sequence[Outcome],
    locator: Locator,
    progress: Progress,
    max_unreadable: float,
) -> list[Outcome]:
    """The outcomes, with what a whole sweep read of each instance whose numbers are listed."""
    swept = list(outcomes)
    for at, (subject, (report, findings)) in enumerate(zip(subjects, outcomes, strict=True)):
        if report.numbers is not None:
            finding, inventory = await sweep(subject, locator, progress, max_unreadable)
            swept[at] = replace(report, sweep=inventory), (*findings, finding)
    return swept
