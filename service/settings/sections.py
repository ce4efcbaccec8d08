"""The sections of the configuration that have but one key."""

from msgspec import Struct

from service.settings import kinds


class ReportSettings(Struct, frozen=True):
    """The reports, and for how many days they are kept."""

    days: kinds.Days = 35


class HealthSettings(Struct, frozen=True):
    """Quarantine by answer rate, probation and ramp."""

    enabled: bool = False


class Console(Struct, frozen=True):
    """The page for people."""

    enabled: bool = True
