"""From overrides, trunks and the configuration to the limits of a number."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from service.errors import SettingsError
from service.inventory import Details, PhoneNumber, Terms, names_of
from service.ledger import Limits, Rules, with_trunks
from service.policy import (
    limits_namer,
    near_of,
    outside_window,
    rules_for,
    terms_reader,
    unused_overrides,
)
from service.settings import (
    CallerLimits,
    ExperimentSettings,
    InstanceSettings,
    NumberMatch,
    NumberOverride,
    Secret,
    Selection,
    Settings,
)
from tests.unit.test_picker import LOCATOR

NOW = 1_795_219_200.0
PLAIN = PhoneNumber("01055500001")
BUSY = NumberOverride(match=NumberMatch(tag="M1"), max_per_day=150)
NARROW = NumberOverride(match=NumberMatch(tag="M2"), max_concurrent=2)
ENDLESS = NumberOverride(match=NumberMatch(tag="M3"), max_concurrent=0)
SETTINGS = replace(
    Settings(),
    numbers=(BUSY, NARROW, ENDLESS),
    selection=Selection(caller=CallerLimits(max_per_day=100, max_concurrent=5, lease_seconds=60)),
)


def limits_of(tag: str = "", trunks: int | None = None, settings: Settings = SETTINGS) -> Limits:
    details = None if trunks is None else Details(trunks)
    number = PhoneNumber("01055500001", tags=(tag,) if tag else (), details=details)
    name = limits_namer(settings.numbers)(number)
    return rules_for(settings, settings.selection, NOW, {name}).limits_named(name)


@pytest.mark.parametrize(
    ("tag", "trunks", "most"),
    [
        ("", None, 5),
        ("", 30, 30),
        ("", 1, 1),
        ("", 0, 5),  # CCC did not tell them
        ("M1", None, 5),
        ("M1", 30, 30),
        ("M2", None, 2),
        ("M2", 30, 2),
        ("M3", 30, 0),
    ],
)
def test_the_override_goes_before_the_trunks_and_those_before_the_default(
    tag: str, trunks: int | None, most: int
) -> None:
    assert limits_of(tag, trunks).max_concurrent == most


def test_trunks_leave_the_other_limits_as_they_are() -> None:
    assert limits_of("M1", 30) == Limits(0, 150, 30, 60_000, 0)
    assert limits_of("", 30) == Limits(0, 100, 30, 60_000, 0)


def test_a_number_whose_override_is_gone_keeps_its_trunks() -> None:
    name = limits_namer(SETTINGS.numbers)(replace(PLAIN, tags=("M1",), details=Details(30)))
    assert Rules({"": Limits(1, 2, 3)}).limits_named(name) == Limits(1, 2, 30)


def test_an_unknown_name_has_the_common_limits() -> None:
    rules = Rules({"": Limits(1, 2, 3)})
    for name in ("tag=gone", "tag=|trunks=many", "|trunks="):
        assert rules.limits_named(name) == Limits(1, 2, 3)


def test_the_first_trunks_make_the_rules_follow_calls() -> None:
    free = Settings()
    assert rules_for(free, free.selection, NOW, {""}).remembered == 0
    assert rules_for(free, free.selection, NOW, {"", with_trunks("", 3)}).remembered == 3_600_000


def test_a_holdout_has_calls_followed() -> None:
    holding_out = Settings(experiment=ExperimentSettings("spring", 0.1))
    assert rules_for(holding_out, holding_out.selection, NOW, {""}).remembered == 3_600_000


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        (8 * 60 + 59, ("2026-11-21T09:00:00+08:00", 60)),
        (9 * 60, None),
        (20 * 60 + 59, None),
        (21 * 60, ("2026-11-22T09:00:00+08:00", 12 * 3600)),
    ],
)
def test_a_calling_window_is_open_from_its_first_minute_and_closed_at_its_last(
    minute: int, expected: tuple[str, int] | None
) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
    selection = Selection(calling_window="09:00-21:00", timezone="Asia/Shanghai")
    closed = outside_window(selection, midnight + 60 * minute)
    assert (closed and (closed.opens_at, closed.retry_after)) == expected


def near_with(**places: tuple[str, ...]) -> Settings:
    selection = Selection(levels=("city", "near", "any"), near=places)
    return replace(SETTINGS, selection=selection, instances=(InstanceSettings(id="ccc-test"),))


def test_places_to_go_to_are_named_as_pools_are_whatever_their_rank() -> None:
    settings = near_with(**{"河北省": ("北京", "保定市"), "成都": ("四川",), "*": ("吉林",)})
    assert near_of(settings, LOCATOR)["ccc-test"] == {
        ("province", "河北"): (("province", "北京"), ("city", "0312保定")),
        ("city", "028成都"): (("province", "四川"),),
        ("any", "*"): (("province", "吉林"),),  # the province, though a city has the name too
    }


def test_a_place_that_is_none_is_named_with_its_key() -> None:
    with pytest.raises(SettingsError) as refused:
        near_of(near_with(河北=("北京", "Atlantis"), Sichuan=("成都",)), LOCATOR)
    assert refused.value.faults == [
        f"beside what runs: selection.near.{key}: found {name!r}, expected a province or a city, "
        "as 四川"
        for key, name in (("河北[1]", "Atlantis"), ("Sichuan", "Sichuan"))
    ]


def test_a_number_is_kept_from_the_places_of_its_override_under_the_names_of_callees() -> None:
    apart = replace(BUSY, avoid=("新疆维吾尔自治区", "成都市"))
    terms_of = terms_reader((apart, NARROW), LOCATOR)
    number = replace(PLAIN, tags=("M1",), details=Details(30))
    assert terms_of(number) == Terms("tag=M1|trunks=30", frozenset(["新疆", "028成都"]))
    assert terms_of(replace(PLAIN, tags=("M2",))) == Terms("tag=M2")
    assert terms_of(PLAIN) == Terms()


def test_of_two_entries_for_the_same_numbers_the_first_holds() -> None:
    other = NumberOverride(match=NumberMatch(tag="M1"), max_per_day=9, avoid=("新疆",))
    number = replace(PLAIN, tags=("M1",))
    assert terms_reader((BUSY, other), LOCATOR)(number) == Terms("tag=M1")
    assert limits_of("M1", settings=replace(SETTINGS, numbers=(BUSY, other))).max_per_day == 150
    assert set(names_of(LOCATOR.locate("13880001234").locality)) == {"四川", "028成都", "四川成都"}


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_the_first_entry_holds_that_a_number_matches_by_whatever(order: tuple[int, ...]) -> None:
    matches = (
        NumberMatch(number=Secret("01055500001")),
        NumberMatch(tag="a"),
        NumberMatch(provider="b"),
    )
    overrides = [NumberOverride(match=matches[at], max_per_day=1) for at in order]
    number = PhoneNumber("01055500001", tags=("z", "a", "a"), provider="b")
    names = "number=01055500001", "tag=a", "provider=b"
    assert limits_namer(overrides)(number) == names[order[0]]


def test_entries_by_which_no_number_goes_are_named_without_the_number() -> None:
    overrides = (
        NumberOverride(match=NumberMatch(number=Secret("01055500001")), max_per_day=1),
        NumberOverride(match=NumberMatch(number=Secret("01055500002")), max_per_day=1),
        BUSY,
        NumberOverride(match=NumberMatch(tag="M1"), max_per_hour=1),  # the one before it is used
        NARROW,
        NumberOverride(match=NumberMatch(provider="none"), max_per_day=1),
    )
    numbers = [PLAIN, PhoneNumber("01055500003", tags=("M1",), details=Details(30))]
    names = map(limits_namer(overrides), numbers)
    assert unused_overrides(overrides, names) == (
        "numbers[1] (number=010****0002)",
        "numbers[4] (tag=M2)",
        "numbers[5] (provider=none)",
    )
