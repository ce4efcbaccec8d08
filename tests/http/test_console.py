"""The console's page and its data over HTTP; what a browser makes of it is tested elsewhere."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest
from msgspec.structs import asdict, replace

from service.errors import InvalidCalledNumber, InventoryUnavailable, NoEligibleNumber
from service.picking import Candidate, PickAnswer, PickRequest
from service.settings import Console
from tests.http.http_fixtures import (
    ANSWER,
    GROUP,
    NUMBERS,
    PICK,
    Service,
    ask,
    picked,
    serving,
    settings_with,
)

PATHS = (
    ("GET", "/console"),
    ("GET", "/v1/console/overview"),
    ("GET", "/v1/console/matching"),
    ("GET", "/v1/console/picks"),
    ("POST", "/v1/console/try"),
)


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_switched_off_there_is_no_console(method: str, path: str) -> None:
    settings = replace(settings_with(), console=Console(enabled=False))
    async with serving(Service(settings)) as service:
        assert (await ask(service, method, path)).status == 404
        await picked(service)
        assert (await picked(service)).status == 200


async def test_the_page_runs_nothing_but_what_it_came_with(service: Service) -> None:
    answer = await ask(service, "GET", "/console")
    policy = dict(
        one.split(" ", 1) for one in answer.headers["Content-Security-Policy"].split("; ")
    )
    scripts = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digests = [b64encode(sha256(one.encode()).digest()).decode() for one in scripts]
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["script-src"].split() == [f"'sha256-{one}'" for one in digests]
    assert len(scripts) == answer.text.count("<script") > 1
    assert set(re.findall(r"\w+://[\w./]+", answer.text)) == {"http://www.w3.org/2000/svg"}


async def test_the_page_is_kept_by_nobody(service: Service) -> None:
    headers = (await ask(service, "GET", "/console")).headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"


async def test_an_overview_is_written_by_province(service: Service) -> None:
    answer = await ask(service, "GET", "/v1/console/overview?instance_id=ccc-test")
    assert service.overviews.asked == ["ccc-test"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["skill_group_ids"] == [GROUP]
    assert answer.json["counted_at"] == "1970-01-01T00:16:40Z"
    assert answer.json["provinces"][0] == {
        "province": "四川",
        "numbers": 3,
        "candidates": 3,
        "available": 1,
        "used_day": 5,
        "max_per_day": 60,
        "parked": {"operator": 1, "rest": 2},
    }
    assert "02855500003" not in answer.text


async def test_an_overview_without_an_inventory_says_so(service: Service) -> None:
    service.overviews.error = InventoryUnavailable("No inventory yet")
    assert (await ask(service, "GET", "/v1/console/overview")).status == 503


async def test_the_numbers_that_a_filter_leaves_come_whole(service: Service) -> None:
    answer = await ask(service, "GET", "/v1/console/matching?state=operator&sort=-used_day")
    assert answer.json["numbers"] == [own.number for own in NUMBERS]
    assert (service.directory.asked[0].state, service.directory.asked[0].sort) == (
        "operator",
        "-used_day",
    )


async def test_the_last_picks_come_newest_first_and_masked(service: Service) -> None:
    cooling = Candidate("01055500002", "any", 3, 0, 1, "cooldown")
    service.picker.answer = PickAnswer("redis", ANSWER.data[:1], (cooling,), (("cooldown", 1),))
    await picked(service, X_Request_Id="first")
    resting = replace(cooling, reason="rest")
    service.picker.error = NoEligibleNumber({"rest": 2}, [resting])
    await picked(service, X_Request_Id="second")
    answer = await ask(service, "GET", "/v1/console/picks")
    second, first = answer.json["data"]
    assert (second["request_id"], second["code"]) == ("second", "NoEligibleNumber")
    assert (second["rejected"], second["data"]) == ({"rest": 2}, [])
    assert second["explanation"] == [asdict(replace(resting, number="010****0002"))]
    assert first == {
        "at": "1970-01-01T00:17:22Z",
        "request_id": "first",
        "instance_id": "ccc-test",
        "called_number": "138****8888",
        "skill_group_ids": [GROUP],
        "agent_id": "",
        "dry_run": False,
        "rejected": {"cooldown": 1},
        "code": "",
        "source": "redis",
        "data": [
            {
                "caller": {"number": "0871****0001", "province": "云南", "city": "昆明"},
                "callee": {"number": "138****8888", "province": "云南", "city": "昆明"},
                "match": "city",
            }
        ],
        "explanation": [
            {
                "number": "010****0002",
                "match": "any",
                "turn": 3,
                "used_hour": 0,
                "used_day": 1,
                "reason": "cooldown",
                "until": None,
            }
        ],
    }


async def test_only_so_many_picks_are_kept_and_none_that_could_not_be_read(
    service: Service,
) -> None:
    for _ in range(205):
        await picked(service)
    await picked(service, b"{}")
    told = (await ask(service, "GET", "/v1/console/picks")).json
    assert len(told["data"]) == 200
    assert {one["code"] for one in told["data"]} == {""}
    assert told["workers"] == 1


async def test_a_pick_is_tried_as_it_was_asked(service: Service) -> None:
    answer = await ask(service, "POST", "/v1/console/try", PICK, Content_Type="application/json")
    assert service.trials.asked == [PickRequest("13888888888", skill_group_ids=(GROUP,))]
    assert service.picker.asked == []
    assert answer.json["callee"]["city"] == "昆明"
    assert answer.json["levels"][0]["parked"] == {"rest": 1}


async def test_a_trial_that_cannot_be_is_refused_as_a_pick_is(service: Service) -> None:
    service.trials.error = InvalidCalledNumber("is a service number")
    answer = await ask(service, "POST", "/v1/console/try", PICK, Content_Type="application/json")
    assert (answer.status, answer.json["code"]) == (422, "InvalidCalledNumber")
    assert (await ask(service, "POST", "/v1/console/try", PICK)).status == 415
