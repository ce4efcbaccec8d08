"""Typed configuration: what the operator may say, read from one TOML file and the environment.

`model` holds the shapes and their defaults, `kinds` the ranges of their values, `reading` turns
tables into them, `environment` lays variables over the file, `rules` finds what contradicts
itself. It is not the place for what changes while the service runs, and it starts nothing.
"""

from service.settings.kinds import Level, Scope, Secret, parse_calling_window
from service.settings.loading import load
from service.settings.model import (
    AccessKeySettings,
    Auth,
    CalleeLimits,
    CalleeRuleSettings,
    CallerLimits,
    CccSettings,
    Client,
    Console,
    HealthSettings,
    InstanceCcc,
    InstanceSettings,
    InventorySettings,
    LocalitySettings,
    NumberMatch,
    NumberOverride,
    Redis,
    Selection,
    Server,
    Settings,
    SipAction,
)

__all__ = [
    "AccessKeySettings",
    "Auth",
    "CalleeLimits",
    "CalleeRuleSettings",
    "CallerLimits",
    "CccSettings",
    "Client",
    "Console",
    "HealthSettings",
    "InstanceCcc",
    "InstanceSettings",
    "InventorySettings",
    "Level",
    "LocalitySettings",
    "NumberMatch",
    "NumberOverride",
    "Redis",
    "Scope",
    "Secret",
    "Selection",
    "Server",
    "Settings",
    "SipAction",
    "load",
    "parse_calling_window",
]
