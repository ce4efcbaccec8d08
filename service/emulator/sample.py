"""The bundled sample inventory: made up, the same at every call, and large enough to look real.

46 cities of all 31 provinces with ten numbers each, and five 400 numbers. Area codes and mobile
prefixes are real, so that locality works; the subscriber parts are made up (555…, 0001). Nothing
here dials. `cities.json` has of each city the province, the name, the area code with the first
digits of a subscriber number, and a mobile prefix.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from service.emulator.faults import Row
from service.errors import SettingsError
from service.files import read_file

INSTANCE = "ccc-test"
SKILL_GROUPS = {
    f"sales@{INSTANCE}": "销售组",
    f"support@{INSTANCE}": "客服组",
    f"collections@{INSTANCE}": "催收组",
    f"survey@{INSTANCE}": "回访组",
}
PROVIDERS = ("alicom", "ali", "unicom")

_LANDLINES, _MOBILES, _TOLL_FREE = 6, 4, 5  # the first two per city
_CREATED_MS = 1_617_958_538_000


class _SkillGroup(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    display_name: str
    instance_id: str
    name: str
    skill_group_id: str


class _PhoneNumber(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A number as ListPhoneNumbers lists it, in the API page's words."""

    number: str
    active: bool = True
    city: str = ""
    contact_flow_id: str = ""
    contact_flow_name: str = ""
    create_time: str = str(_CREATED_MS)
    instance_id: str = INSTANCE
    provider: str = PROVIDERS[0]
    province: str = ""
    skill_groups: list[_SkillGroup] = []
    tags: str = ""
    usage: Literal["Inbound", "Outbound", "Bidirection"] = "Bidirection"
    user_id: str = ""


def load_inventory(path: Path | None = None) -> dict[str, list[Row]]:
    """Return rows by instance: the sample, or those of a JSON file `{instance_id: [row, …]}`.

    A row of the file needs a `Number`; whatever else it lacks is filled in.

    Raises:
        SettingsError: The file cannot be read or is not of that shape.
    """
    if path is None:
        return {INSTANCE: list(_sample_rows())}
    try:
        given = msgspec.json.decode(read_file(path), type=dict[str, list[Row]])
        return {
            instance: [phone_number(**{"InstanceId": instance, **row}) for row in rows]
            for instance, rows in given.items()
        }
    except (OSError, msgspec.DecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError([f"{path}: {why}"]) from error


def phone_number(**fields: object) -> Row:
    """Return a row in ListPhoneNumbers' shape from the wire's own fields, `Number` at least.

    Raises:
        msgspec.ValidationError: A field is missing, unknown or of another type.
    """
    row: Row = msgspec.to_builtins(msgspec.convert(fields, _PhoneNumber))
    return row


def skill_groups(*ids: str) -> list[dict[str, str]]:
    """Return what a row's `SkillGroups` holds for groups such as `sales@ccc-test`."""
    return [
        {
            "DisplayName": SKILL_GROUPS.get(group, group),
            "InstanceId": group.partition("@")[2],
            "Name": group.partition("@")[0],
            "SkillGroupId": group,
        }
        for group in ids
    ]


def _sample_rows() -> Iterator[Row]:
    """Vary each trait with a period of its own, so that all combinations occur."""
    for n, (number, province, city) in enumerate(_sample_numbers(), start=1):
        agent = f"agent{n % 20 + 1:02}@{INSTANCE}" if n % 17 == 0 else ""
        inbound = n % 13 == 0 or number.startswith("400")
        yield phone_number(
            Number=number,
            Active=n % 23 != 0,
            City=city,
            CreateTime=str(_CREATED_MS + n),
            Provider=PROVIDERS[n % 11 % 3],
            Province=province,
            SkillGroups=skill_groups(*(() if agent else _groups_of(n))),
            Tags=("", "", "M1", "", "M2")[n % 5],
            Usage="Inbound" if inbound else ("Outbound", "Bidirection")[n % 7 // 4],
            UserId=agent,
        )


def _sample_numbers() -> Iterator[tuple[str, str, str]]:
    cities = msgspec.json.decode(files("service.emulator").joinpath("cities.json").read_bytes())
    for province, city, exchange, mobile_prefix in cities:
        for n in range(1, _LANDLINES + 1):
            yield f"{exchange}{n:04}", province, city
        for n in range(1, _MOBILES + 1):
            yield f"{mobile_prefix}{n:04}", province, city
    for n in range(1, _TOLL_FREE + 1):
        yield f"400555{n:04}", "", ""


def _groups_of(n: int) -> Sequence[str]:
    """Return one group, and for every third number the next one too."""
    ids = tuple(SKILL_GROUPS)
    return (ids[n % 4], ids[(n + 1) % 4]) if n % 3 == 0 else (ids[n % 4],)
