"""Requests are counted by who asks and by problem, whichever way they go."""

from msgspec.structs import replace

from service.errors import CalleeBudgetExceeded
from service.picking import PickAnswer, PlacedNumber
from tests.http.http_fixtures import (
    ANSWER,
    PICK,
    Service,
    ask,
    client_with,
    picked,
    serving,
    settings_with,
)
from tests.http.test_express import connected, outcome_of, pick_of

TOKEN = b"Authorization: Bearer dialer"


async def test_requests_are_counted_by_client_and_code_on_both_lanes(taken: list[bytes]) -> None:
    guarded = settings_with(clients=(client_with("dialer", "pick"),), required="always")
    async with serving(Service(guarded)) as service, connected(service) as client:
        for _ in range(3):
            await client.ask(pick_of(PICK, TOKEN))
        for _ in range(2):
            await client.ask(outcome_of(b'{"call_id": "a", "result": "answered"}', TOKEN))
        service.picker.error = CalleeBudgetExceeded(1)
        await client.ask(pick_of(PICK, TOKEN))
        await client.ask(pick_of(PICK, TOKEN, b"Accept: */*"))
        await ask(service, "GET", "/v1/numbers", Authorization="Bearer dialer")
        await picked(service)
        await picked(service, Authorization="Bearer stranger")
        assert len(taken) == 4
        counted = {
            (client, code): service.sample("requests_total", client=client, code=code)
            for client, code in [
                ("dialer", "OK"),
                ("dialer", "CalleeBudgetExceeded"),
                ("dialer", "Forbidden"),
                ("", "Unauthenticated"),
            ]
        }
    assert counted == {
        ("dialer", "OK"): 5,
        ("dialer", "CalleeBudgetExceeded"): 2,
        ("dialer", "Forbidden"): 1,
        ("", "Unauthenticated"): 2,
    }


async def test_without_auth_nobody_is_named(service: Service) -> None:
    await picked(service)
    await picked(service)
    assert service.sample("requests_total", client="", code="OK") == 2


async def test_picks_are_counted_by_the_callees_place(service: Service) -> None:
    await picked(service)
    unplaced = replace(ANSWER.data[1], callee=PlacedNumber("12345", "", ""))
    service.picker.answer = PickAnswer("redis", (unplaced,))
    await picked(service)
    await picked(service)
    labels = {"instance": "ccc-test", "province": "云南", "match": "city"}
    assert service.sample("picks_by_place_total", **labels) == 1
    labels = {"instance": "ccc-test", "province": "", "match": "any"}
    assert service.sample("picks_by_place_total", **labels) == 2
