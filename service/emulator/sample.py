"""The bundled sample inventory: made up, the same at every call, and large enough to look real.

46 cities of all 31 provinces with ten numbers each, and five 400 numbers. Area codes and mobile
prefixes are real, so that locality works; the subscriber parts are made up (555…, 0001). Nothing
here dials.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from service.emulator.actions import Row
from service.errors import SettingsError

INSTANCE = "ccc-test"
SKILL_GROUPS = {
    f"sales@{INSTANCE}": "销售组",
    f"support@{INSTANCE}": "客服组",
    f"collections@{INSTANCE}": "催收组",
    f"survey@{INSTANCE}": "回访组",
}
PROVIDERS = ("alicom", "ali", "unicom")

# Province, city, area code with the subscriber number's first digits, mobile prefix of that city.
_CITIES = """
北京 北京 0105550 1380000
上海 上海 0215550 1380021
天津 天津 0225550 1380022
重庆 重庆 0235550 1380023
广东 广州 0205550 1380009
广东 深圳 07555550 1380220
广东 东莞 07695550 1380237
广东 佛山 07575550 1380246
江苏 南京 0255550 1380025
江苏 苏州 05125550 1380154
江苏 无锡 05105550 1380051
浙江 杭州 05715550 1380057
浙江 宁波 05745550 1380580
浙江 温州 05775550 1380653
四川 成都 0285550 1380028
四川 绵阳 0816555 1380811
四川 乐山 0833555 1380813
陕西 西安 0295550 1380029
河南 郑州 03715550 1380371
河南 洛阳 03795550 1380379
湖北 武汉 0275550 1380026
湖北 宜昌 0717555 1380720
河北 石家庄 03115550 1380049
河北 唐山 0315555 1380315
福建 福州 05915550 1380500
福建 厦门 0592555 1380059
黑龙江 哈尔滨 04515550 1380045
吉林 长春 04315550 1380043
湖南 长沙 07315550 1380731
山东 济南 05315550 1380531
山东 青岛 05325550 1380532
辽宁 沈阳 0245550 1380004
辽宁 大连 04115550 1380408
广西 南宁 0771555 1380771
安徽 合肥 05515550 1380551
海南 海口 08985550 1380089
云南 昆明 08715550 1380087
山西 太原 0351555 1380060
江西 南昌 07915550 1380065
贵州 贵阳 08515550 1380085
甘肃 兰州 0931555 1380931
新疆 乌鲁木齐 0991555 1380099
内蒙古 呼和浩特 0471555 1380471
宁夏 银川 0951555 1380095
青海 西宁 0971555 1380096
西藏 拉萨 0891555 1388900
"""
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
        given = msgspec.json.decode(path.read_bytes(), type=dict[str, list[Row]])
        return {
            instance: [phone_number(**{"InstanceId": instance, **row}) for row in rows]
            for instance, rows in given.items()
        }
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError([f"{path}: {error}"]) from error


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
    for line in _CITIES.split("\n")[1:-1]:
        province, city, exchange, mobile_prefix = line.split()
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
