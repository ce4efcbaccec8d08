"""The findings of a check, as data; `report` says how they are shown."""

from typing import Literal, TypeAlias

import msgspec

State = Literal["fine", "warning", "failed"]
Access = Literal["allowed", "denied", "unknown"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was tried; `failed` is what keeps the service from its work."""

    about: str
    state: State
    text: str


class Permission(msgspec.Struct, frozen=True):
    """An action's permission in RAM; a denied one has CCC's `code` and what that costs."""

    access: Access
    code: str = ""
    cost: str = ""


class SweptInventory(msgspec.Struct, frozen=True):
    """The result of a sweep; `available` counts the numbers that a pick could show.

    `skill_groups` counts the available ones of each group, `agents` those that are an agent's own;
    by `unused_overrides`, entries of `[[numbers]]`, no number of the instance goes. `unreadable`
    rows are set aside, some of them as in `examples`.
    """

    numbers: int
    total: int
    complete: bool
    available: int
    agents: int
    usages: dict[str, int]
    provinces: dict[str, int]
    skill_groups: dict[str, int]
    unused_overrides: tuple[str, ...]
    unreadable: int = 0
    examples: tuple[str, ...] = ()


Permissions: TypeAlias = dict[str, Permission]


class InstanceReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """The report on one instance; `numbers` is None where CCC would not list them."""

    id: str
    numbers: int | None = None
    permissions: Permissions = {}
    sweep: SweptInventory | None = None


class Report(msgspec.Struct, frozen=True):
    """All of it: one object for `--json`."""

    fine: bool
    findings: tuple[Finding, ...]
    instances: tuple[InstanceReport, ...]
