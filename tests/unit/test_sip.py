"""What each action of the configuration does with what is known of a call."""

from typing import Any

import pytest

from service.inventory import PhoneNumber
from service.ledger.port import Avoid, Park, Stop
from service.outcomes.sip import Action, Ended, RestProvider, action_for, parks_for
from service.settings import SipAction

NOW = 5_000
UNTIL = NOW + 60_000
ENDED = Ended("02855500001", "alicom", "digest", "四川", 474)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("rest_number", Park("02855500001", "sip_rest", UNTIL)),
        ("park_number", Park("02855500001", "sip_park", UNTIL)),
        ("rest_provider", RestProvider("alicom", UNTIL)),
        ("stop_callee", Stop("digest", UNTIL, reason="SIP 474")),
        ("avoid_region", Avoid("02855500001", "四川", UNTIL)),
    ],
)
def test_each_action_holds_for_its_seconds(action: Any, expected: Action) -> None:
    assert action_for(SipAction(action, 60), ENDED, NOW) == expected


@pytest.mark.parametrize(
    ("action", "ended"),
    [
        ("rest_number", Ended(callee="digest", region="四川")),
        ("park_number", Ended(callee="digest", region="四川")),
        ("rest_provider", Ended(callee="digest", region="四川")),
        ("stop_callee", Ended("02855500001", "alicom")),
        ("avoid_region", Ended("02855500001", "alicom", "digest")),
        ("avoid_region", Ended(region="四川")),
    ],
)
def test_an_action_on_what_is_not_known_is_none(action: Any, ended: Ended) -> None:
    assert action_for(SipAction(action, 60), ended, NOW) is None


def test_where_the_provider_has_no_name_only_the_number_rests() -> None:
    action = action_for(SipAction("rest_provider", 60), Ended("02855500001"), NOW)
    assert action == Park("02855500001", "provider", UNTIL)


def test_the_numbers_of_a_provider_rest_and_nobody_elses() -> None:
    numbers = [
        PhoneNumber("02855500001", provider="alicom"),
        PhoneNumber("02855500002", provider="other"),
        PhoneNumber("02855500003"),
    ]
    assert parks_for(RestProvider("alicom", UNTIL), numbers) == [
        Park("02855500001", "provider", UNTIL)
    ]
