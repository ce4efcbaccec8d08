"""Read again while the service runs: what takes hold, and what waits for a start.

Listener and instances stay those of the start, so what is read is checked beside them: auth that
will do at the host in the file may not do at the one that is listened at, and a credential that is
bound to an instance to come would pass for one of the only instance that there is.
"""

from typing import Any

from msgspec.structs import fields, replace

from service.errors import SettingsError
from service.settings import InstanceSettings, Settings
from service.settings.faults import line
from service.settings.rules import contradictions

_AT_A_START = ("server", "redis", "ccc", "inventory", "locality", "console")


def taking_hold(running: Settings, read: Settings) -> Settings:
    """Return what to go on with: new credentials, rules and actions, and the start's addresses.

    Args:
        running: the configuration of the start.
        read: the configuration as it was read again.

    Raises:
        SettingsError: with it the service could not have started where it is.
    """
    settings = replace(
        running,
        server=replace(running.server, allowed_hosts=read.server.allowed_hosts),
        auth=read.auth,
        selection=read.selection,
        experiment=read.experiment,
        reports=read.reports,
        health=read.health,
        sip_actions=read.sip_actions,
        numbers=read.numbers,
        instances=_with_rules_of(running.instances, read.instances),
    )
    if faults := list(contradictions(settings)):
        raise SettingsError([line(fault, "beside what runs", {}) for fault in faults])
    return settings


def waiting(running: Settings, read: Settings) -> list[str]:
    """Name the keys that were changed and that only a start reads."""
    before, after = _of_a_start(running, running), _of_a_start(read, running)
    return [key for key, value in after.items() if value != before[key]]


def _with_rules_of(
    running: tuple[InstanceSettings, ...], read: tuple[InstanceSettings, ...]
) -> tuple[InstanceSettings, ...]:
    selections = {instance.id: instance.selection for instance in read}
    return tuple(
        replace(instance, selection=selections.get(instance.id, instance.selection))
        for instance in running
    )


def _of_a_start(settings: Settings, running: Settings) -> dict[str, Any]:
    tables = {section: getattr(settings, section) for section in _AT_A_START}
    values = {
        f"{section}.{field.name}": getattr(table, field.name)
        for section, table in tables.items()
        for field in fields(table)
    }
    del values["server.allowed_hosts"]
    values["server.port"] = settings.server.port or running.server.port  # 0 takes any
    instances = settings.instances
    kept = {instance.id for instance in instances} & {instance.id for instance in running.instances}
    values["selection.pick_timeout_ms"] = {
        instance.id: settings.selection_for(instance).pick_timeout_ms
        for instance in instances
        if instance.id in kept
    }
    values["instances"] = [replace(instance, selection=None) for instance in instances]
    return values
