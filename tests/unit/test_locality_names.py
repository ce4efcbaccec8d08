"""Names of provinces and cities in the one form in which they compare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.locality import normal_city, normal_province

PROVINCES = [
    ("吉林省", "吉林"),
    ("北京市", "北京"),
    ("黑龙江省", "黑龙江"),
    ("内蒙古自治区", "内蒙古"),
    ("广西壮族自治区", "广西"),
    ("宁夏回族自治区", "宁夏"),
    ("新疆维吾尔自治区", "新疆"),
    ("西藏自治区", "西藏"),
    ("香港特别行政区", "香港"),
    ("海南省", "海南"),
    ("云南", "云南"),
    (" 四川省 ", "四川"),
    ("", ""),
]

CITIES = [
    ("昆明市", "昆明"),
    ("昆明", "昆明"),
    ("北京市", "北京"),
    ("吉林市", "吉林"),
    ("沙市", "沙市"),
    ("沙市市", "沙市"),
    ("津市市", "津市"),
    ("西盟", "西盟"),
    ("锡林郭勒盟", "锡林郭勒"),
    ("兴安盟", "兴安"),
    ("阿拉善盟", "阿拉善"),
    ("大兴安岭地区", "大兴安岭"),
    ("阿里地区", "阿里"),
    ("神农架林区", "神农架"),
    ("雄安新区", "雄安"),
    ("巴州", "巴州"),
    ("万州", "万州"),
    ("延边朝鲜族自治州", "延边"),
    ("恩施土家族苗族自治州", "恩施"),
    ("湘西土家族苗族自治州", "湘西"),
    ("阿坝藏族羌族自治州", "阿坝"),
    ("甘孜藏族自治州", "甘孜"),
    ("凉山彝族自治州", "凉山"),
    ("黔东南苗族侗族自治州", "黔东南"),
    ("黔南布依族苗族自治州", "黔南"),
    ("黔西南布依族苗族自治州", "黔西南"),
    ("楚雄彝族自治州", "楚雄"),
    ("红河哈尼族彝族自治州", "红河"),
    ("文山壮族苗族自治州", "文山"),
    ("西双版纳傣族自治州", "西双版纳"),
    ("大理白族自治州", "大理"),
    ("德宏傣族景颇族自治州", "德宏"),
    ("怒江傈僳族自治州", "怒江"),
    ("迪庆藏族自治州", "迪庆"),
    ("临夏回族自治州", "临夏"),
    ("甘南藏族自治州", "甘南"),
    ("海北藏族自治州", "海北"),
    ("黄南藏族自治州", "黄南"),
    ("海南藏族自治州", "海南"),
    ("果洛藏族自治州", "果洛"),
    ("玉树藏族自治州", "玉树"),
    ("海西蒙古族藏族自治州", "海西"),
    ("昌吉回族自治州", "昌吉"),
    ("博尔塔拉蒙古自治州", "博尔塔拉"),
    ("巴音郭楞蒙古自治州", "巴音郭楞"),
    ("克孜勒苏柯尔克孜自治州", "克孜勒苏"),
    ("伊犁哈萨克自治州", "伊犁"),
    ("", ""),
]

parts_of_names = st.lists(
    st.sampled_from(
        ["市", "盟", "省", "州", "地区", "自治州", "自治区", "藏族", "蒙古", "海", "南", " "]
    )
).map("".join)


@pytest.mark.parametrize(("name", "normal"), PROVINCES)
def test_a_province_loses_its_rank_and_nothing_else(name: str, normal: str) -> None:
    assert normal_province(name) == normal


@pytest.mark.parametrize(("name", "normal"), CITIES)
def test_a_city_loses_its_rank_and_nothing_else(name: str, normal: str) -> None:
    assert normal_city(name) == normal


@given(parts_of_names)
def test_a_normal_name_is_its_own_normal_form(name: str) -> None:
    assert normal_city(normal_city(name)) == normal_city(name)
    assert normal_province(normal_province(name)) == normal_province(name)


@given(parts_of_names.filter(str.strip))
def test_a_name_never_normalises_away(name: str) -> None:
    assert normal_city(name)
    assert normal_province(name)
