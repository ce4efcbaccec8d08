"""Where callees and our own numbers belong."""

import ast
from pathlib import Path

import phone
import pytest
from hypothesis import given
from hypothesis import strategies as st

import service.locality
from service.errors import InvalidCalledNumber
from service.locality import Callee, Locality, Locator

PHONE_DAT = Path(phone.__file__).with_name("phone.dat").read_bytes()

# Of a series for machines, of which the bundled table has next to nothing.
UNKNOWN_PREFIX = "1409999"
UNKNOWN_MOBILE = f"{UNKNOWN_PREFIX}1234"


SHARED_CODES = {
    "023": "重庆",
    "024": "辽宁",
    "028": "四川",
    "029": "陕西",
    "0371": "河南",
    "0470": "内蒙古",
    "0728": "湖北",
    "0731": "湖南",
    "0851": "贵州",
    "0898": "海南",
    "0996": "新疆",
}


@pytest.fixture(scope="module")
def locator() -> Locator:
    return Locator(PHONE_DAT)


@pytest.mark.parametrize(
    ("dialled", "place"),
    [
        ("13888888888", Locality("云南", "昆明", "0871")),
        ("+86 138-0013-8000", Locality("北京", "北京", "010")),
        ("013800138000", Locality("北京", "北京", "010")),
        ("010-8989 8989", Locality("北京", "北京", "010")),
        ("0755-12345678", Locality("广东", "深圳", "0755")),
        ("0479 1234567", Locality("内蒙古", "锡林郭勒", "0479")),
        ("0432 12345678", Locality("吉林", "吉林", "0432")),
    ],
)
def test_a_callee_in_china_has_a_place(locator: Locator, dialled: str, place: Locality) -> None:
    assert locator.locate(dialled).locality == place


@pytest.mark.parametrize(("code", "province"), SHARED_CODES.items())
def test_a_landline_whose_code_several_cities_share_has_no_city(
    locator: Locator, code: str, province: str
) -> None:
    assert locator.locate(f"{code}12345678").locality == Locality(province, "", code)


def test_a_landline_with_a_code_that_the_table_lacks_keeps_the_code_as_its_place(
    locator: Locator,
) -> None:
    assert locator.locate("0448-1234567").locality == Locality(area_code="0448")


def test_a_merged_area_code_leads_to_the_one_that_took_it_over(locator: Locator) -> None:
    assert locator.locate("0634-1234567").locality == Locality("山东", "莱芜", "0531")
    assert locator.locate("0531-12345678").locality == Locality("山东", "济南", "0531")
    assert locator.place("13800138000", "山东", "莱芜市").area_code == "0531"


@pytest.mark.parametrize(
    "dialled", ["4001234567", "8001234567", "95588", "96110", "10108888", "12345"]
)
def test_a_number_of_a_service_has_no_place(locator: Locator, dialled: str) -> None:
    assert locator.locate(dialled).locality == Locality()
    assert locator.place(dialled) == Locality()


@pytest.mark.parametrize(
    "number",
    ["95588", "10108888", "1064899123456", "95013123456", "12345678", "0064123", "+85221234567"],
)
def test_a_number_of_ours_without_an_area_code_is_where_ccc_says_and_gets_none(
    locator: Locator, number: str
) -> None:
    assert locator.place(number, "云南省", "昆明市") == Locality("云南", "昆明", "")
    assert locator.place(number, "香港特别行政区", "") == Locality("香港", "", "")


def test_a_number_that_only_receives_is_nowhere_whatever_ccc_says(locator: Locator) -> None:
    assert locator.place("4001234567", "浙江省", "杭州市") == Locality()


@pytest.mark.parametrize(
    ("dialled", "country"),
    [
        ("+85221234567", "HK"),
        ("0085221234567", "HK"),
        ("+85366123456", "MO"),
        ("+886221234567", "TW"),
        ("+12025550123", "US"),
        ("+14165550123", "CA"),
        ("+80012345678", ""),
    ],
)
def test_a_number_from_elsewhere_has_a_country_and_no_province(
    locator: Locator, dialled: str, country: str
) -> None:
    callee = locator.locate(dialled)
    assert callee.kind == "foreign"
    assert callee.locality == Locality(country=country)


def test_what_cannot_be_dialled_is_nowhere(locator: Locator) -> None:
    with pytest.raises(InvalidCalledNumber):
        locator.locate("12345678901")


@given(number=st.integers(13_000_000_000, 19_999_999_999))
def test_all_ways_to_dial_a_mobile_lead_to_one_callee(locator: Locator, number: int) -> None:
    mobile = str(number)
    callee = locator.locate(mobile)
    assert callee == Callee(mobile, "mobile", callee.locality)
    for way in ("+86", "0086", "86", "0", "+86-0", " "):
        assert locator.locate(way + mobile) == callee


def test_our_number_has_the_place_of_its_digits_where_ccc_names_none(locator: Locator) -> None:
    assert locator.place("13888888888") == Locality("云南", "昆明", "0871")
    assert locator.place("01089898989") == Locality("北京", "北京", "010")
    assert locator.place("02812345678") == Locality("四川", "", "028")


def test_the_names_that_ccc_gives_win_and_a_landline_keeps_its_code(locator: Locator) -> None:
    assert locator.place("02812345678", "四川省", "资阳市") == Locality("四川", "资阳", "028")
    assert locator.place("01089898989", "河北省", "廊坊市") == Locality("河北", "廊坊", "010")


def test_a_mobile_takes_the_code_of_the_city_that_ccc_names(locator: Locator) -> None:
    mobile = "13888888888"
    assert locator.place(mobile, "云南省", "大理白族自治州") == Locality("云南", "大理", "0872")
    assert locator.place(mobile, "北京市", "北京市") == Locality("北京", "北京", "010")


def test_a_mobile_of_a_city_by_an_unknown_name_keeps_the_code_within_its_province_only(
    locator: Locator,
) -> None:
    mobile = "13888888888"
    assert locator.place(mobile, "云南", "春城") == Locality("云南", "春城", "0871")
    assert locator.place(mobile, "四川", "蓉城") == Locality("四川", "蓉城", "")


def test_another_province_from_ccc_never_keeps_the_city_of_the_table(locator: Locator) -> None:
    assert locator.place("13888888888", "四川", "") == Locality("四川", "", "")
    assert locator.place("13888888888", "云南省", "") == Locality("云南", "昆明", "0871")


def test_a_province_with_one_code_gives_it_to_every_city(locator: Locator) -> None:
    assert locator.place("13888888888", "海南省", "琼海市") == Locality("海南", "琼海", "0898")


@pytest.mark.parametrize(
    ("province", "names", "code"),
    [
        ("新疆", ["巴州", "巴音郭楞蒙古自治州", "库尔勒市"], "0996"),
        ("内蒙古", ["海拉尔", "呼伦贝尔市"], "0470"),
        ("山东", ["莱芜", "济南市"], "0531"),
        ("湖北", ["仙桃", "潜江", "天门", "江汉"], "0728"),
        ("云南", ["思茅", "普洱市"], "0879"),
        ("内蒙古自治区", ["锡林郭勒盟", "锡林浩特市", "锡林郭勒"], "0479"),
        ("青海省", ["海南藏族自治州"], "0974"),
    ],
)
def test_the_area_code_joins_names_that_differ_between_sources(
    province: str, names: list[str], code: str
) -> None:
    locator = Locator(PHONE_DAT)
    for name in names:
        locator.learn(UNKNOWN_PREFIX, province, name)
        assert locator.locate(UNKNOWN_MOBILE).locality.area_code == code


def test_a_prefix_that_the_table_lacks_is_named_until_it_is_learned() -> None:
    locator = Locator(PHONE_DAT)
    callee = locator.locate(UNKNOWN_MOBILE)
    assert callee.locality == Locality()
    assert locator.unknown_prefix(callee) == UNKNOWN_PREFIX
    locator.learn(UNKNOWN_PREFIX, "浙江省", "杭州市")
    assert locator.unknown_prefix(locator.locate(UNKNOWN_MOBILE)) == ""
    assert locator.locate(UNKNOWN_MOBILE).locality == Locality("浙江", "杭州", "0571")
    assert locator.place(UNKNOWN_MOBILE) == Locality("浙江", "杭州", "0571")


def test_what_was_learned_never_overrides_the_table() -> None:
    locator = Locator(PHONE_DAT)
    locator.learn("1388888", "浙江", "杭州")
    assert locator.locate("13888888888").locality == Locality("云南", "昆明", "0871")


def test_an_answer_without_names_counts_as_asked() -> None:
    locator = Locator(PHONE_DAT)
    locator.learn(UNKNOWN_PREFIX, "", "")
    callee = locator.locate(UNKNOWN_MOBILE)
    assert callee.locality == Locality()
    assert locator.unknown_prefix(callee) == ""


@pytest.mark.parametrize("dialled", ["13888888888", "04481234567", "95588", "+85221234567"])
def test_only_a_mobile_that_the_table_lacks_has_an_unknown_prefix(
    locator: Locator, dialled: str
) -> None:
    assert locator.unknown_prefix(locator.locate(dialled)) == ""


@pytest.mark.parametrize(
    "prefix", ["", "138888", "13888888", "1288888", "138888\n", "１３８８８８８"]
)
def test_only_a_mobile_prefix_can_be_learned(locator: Locator, prefix: str) -> None:
    with pytest.raises(ValueError, match="mobile prefix"):
        locator.learn(prefix, "浙江", "杭州")


def test_a_locator_cannot_be_made_of_another_file() -> None:
    with pytest.raises(ValueError, match=r"phone\.dat"):
        Locator(b"PK\x03\x04 an archive, say")


def test_the_room_does_no_io_but_to_read_its_table_and_does_not_tell_the_time() -> None:
    impure = {
        "os",
        "time",
        "asyncio",
        "logging",
        "random",
        "datetime",
        "pathlib",
        "secrets",
        "uuid",
    }
    room = Path(service.locality.__file__).parent
    for module in {*room.glob("*.py")} - {room / "prefix_table.py"}:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert impure.isdisjoint(alias.name.split(".")[0] for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] not in impure


def test_a_number_that_was_placed_before_is_placed_by_what_is_learned_since() -> None:
    locator = Locator(PHONE_DAT)
    assert locator.place(UNKNOWN_MOBILE).city == ""
    locator.learn(UNKNOWN_PREFIX, "浙江省", "杭州市")
    assert locator.place(UNKNOWN_MOBILE).city == "杭州"
