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
from service.settings.rules import without_effect


async def report_on(settings: Settings, progress: Progress, *, sweeps: bool) -> Report:
    """Try everything.

    Args:
        settings: the configuration.
        progress: shows what is being waited for.
        sweeps: whether to read the whole inventories, too.

    Raises:
        SettingsError: Redis has no address that can be asked.
    """
    findings = _of_configuration(settings)
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
        if sweeps:
            locator = Locator(prefix_table.read(settings.locality.phone_dat))
            outcomes = await _swept(subjects, outcomes, locator, settings, progress)
    findings += [*of_redis, *reached.values()]
    findings += [finding for _, of_instance in outcomes for finding in of_instance]
    findings += _not_asked(behind)
    asked = {report.id: report for report, _ in outcomes}
    findings += _unused([asked.get(instance.id) for instance in settings.instances])
    reports = (
        asked.get(instance.id, InstanceReport(instance.id)) for instance in settings.instances
    )
    return Report(not _is_amiss(findings), tuple(findings), tuple(reports))


def _of_configuration(settings: Settings) -> list[Finding]:
    about = "configuration"
    findings = [Finding(about, "fine", f"{len(settings.instances)} instance(s)")]
    for text in without_effect(settings):
        findings += [Finding(about, "warning", f"nothing to act on: {text}")]
    return findings


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


def _unused(reports: Sequence[InstanceReport | None]) -> list[Finding]:
    """Name each entry of `[[numbers]]` that is of no use, once all inventories were read whole."""
    sweeps = [report.sweep for report in reports if report is not None and report.sweep is not None]
    if len(sweeps) < len(reports) or not all(sweep.complete for sweep in sweeps):
        return []
    unused = set.intersection(*(set(sweep.unused_overrides) for sweep in sweeps))
    text = "no number of any instance goes by it"
    return [Finding(f"[[numbers]]: {entry}", "warning", text) for entry in sorted(unused)]


async def _swept(
    subjects: Sequence[Subject],
    outcomes: Sequence[Outcome],
    locator: Locator,
    settings: Settings,
    progress: Progress,
) -> list[Outcome]:
    """The outcomes, with what a whole sweep read of each instance whose numbers are listed."""
    swept = list(outcomes)
    for at, (subject, (report, findings)) in enumerate(zip(subjects, outcomes, strict=True)):
        if report.numbers is not None:
            finding, inventory = await sweep(subject, locator, settings, progress)
            swept[at] = replace(report, sweep=inventory), (*findings, finding)
    return swept
