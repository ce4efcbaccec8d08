"""Who may ask for what."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from service.api.auth import Tokens
from service.settings import Auth, Client, Secret, Server, Settings
from tests.http.http_fixtures import Service, ask, client_with, picked, raw, serving, settings_with

CLIENTS = (
    client_with("dialer", "pick"),
    client_with("operator", "admin", "pick"),
    client_with("prometheus", "metrics"),
    client_with("everything", "pick", "admin", "metrics"),
    client_with("通行证", "pick"),
)
SCOPES = {str(client.token): client.scopes for client in CLIENTS}
DOOR = "/?Version=2020-07-01&Action="
BULK = "/?Version=2017-07-05&Action=AddBulkPhoneNumbers"
NEEDS = [
    ("POST", "/v1/pick", "pick"),
    ("POST", "/v1/outcomes", "pick"),
    ("GET", "/v1/numbers", "admin"),
    ("POST", "/v1/numbers", "admin"),
    ("POST", "/v1/numbers/bulk", "admin"),
    ("PUT", "/v1/numbers/01055500001/park", "admin"),
    ("DELETE", "/v1/numbers/01055500001/park", "admin"),
    ("POST", "/v1/numbers/park", "admin"),
    ("POST", "/v1/numbers/unpark", "admin"),
    ("GET", "/v1/callees/01055500001", "admin"),
    ("PUT", "/v1/callees/01055500001/stop", "admin"),
    ("DELETE", "/v1/callees/01055500001/stop", "admin"),
    ("POST", "/v1/callees/stop", "admin"),
    ("POST", "/v1/callees/unstop", "admin"),
    ("GET", "/v1/inventory", "admin"),
    ("POST", "/v1/inventory/refresh", "admin"),
    ("GET", "/v1/coverage", "admin"),
    ("POST", "/v1/coverage", "admin"),
    ("GET", "/v1/report", "admin"),
    ("GET", "/v1/experiment", "admin"),
    ("GET", "/v1/console/matching", "admin"),
    ("GET", "/v1/console/overview", "admin"),
    ("GET", "/v1/console/picks", "admin"),
    ("POST", "/v1/console/try", "admin"),
    ("GET", "/metrics", "metrics"),
    ("GET", "/openapi.json", "any"),
    ("POST", f"{DOOR}PickOutboundNumbers", "pick"),
    ("GET", f"{DOOR}PickOutboundNumbers", "pick"),
    ("GET", f"{DOOR}ListPhoneNumbers", "admin"),
    ("POST", f"{DOOR}AddPhoneNumbers", "admin"),
    ("POST", BULK, "admin"),
]
NONE, WRONG = "", "unknown"

# Where a request says which instance it is for.
IN_QUERY = "instance_id=ccc-test"
IN_BODY = b'{"instance_id": "ccc-test", "called_number": "13888888888", "skill_group_ids": ["a"]}'
ADDITION = b'{"instance_id": "ccc-test", "numbers": ["01055500001"], "usage": "Outbound"}'
PARK = b'{"instance_id": "ccc-test", "numbers": ["01055500001"], "seconds": 60}'
UNPARK = b'{"instance_id": "ccc-test", "numbers": ["01055500001"]}'
OUTCOME = b'{"instance_id": "ccc-test", "call_id": "a", "result": "busy"}'
LET = b'{"instance_id": "ccc-test", "numbers": ["01055500001"]}'
STOPPED = LET.replace(b"}", b', "seconds": 60}')
NAMING = [
    ("POST", "/v1/pick", IN_BODY),
    ("POST", "/v1/outcomes", OUTCOME),
    ("GET", f"/v1/numbers?{IN_QUERY}", None),
    ("POST", "/v1/numbers", ADDITION),
    ("POST", "/v1/numbers/bulk", ADDITION),
    ("PUT", f"/v1/numbers/01055500001/park?{IN_QUERY}", b'{"seconds": 60}'),
    ("DELETE", f"/v1/numbers/01055500001/park?{IN_QUERY}", None),
    ("POST", "/v1/numbers/park", PARK),
    ("POST", "/v1/numbers/unpark", UNPARK),
    ("GET", f"/v1/callees/01055500001?{IN_QUERY}", None),
    ("PUT", f"/v1/callees/01055500001/stop?{IN_QUERY}", b'{"seconds": 60}'),
    ("DELETE", f"/v1/callees/01055500001/stop?{IN_QUERY}", None),
    ("POST", "/v1/callees/stop", STOPPED),
    ("POST", "/v1/callees/unstop", LET),
    ("GET", f"/v1/inventory?{IN_QUERY}", None),
    ("POST", f"/v1/inventory/refresh?{IN_QUERY}", None),
    ("GET", f"/v1/coverage?{IN_QUERY}", None),
    ("POST", f"/v1/coverage?{IN_QUERY}", None),
    ("GET", f"/v1/report?{IN_QUERY}", None),
    ("GET", f"/v1/experiment?{IN_QUERY}", None),
    ("GET", f"/v1/console/matching?{IN_QUERY}", None),
    ("GET", f"/v1/console/overview?{IN_QUERY}", None),
    ("POST", "/v1/console/try", IN_BODY),
    ("GET", f"{DOOR}PickOutboundNumbers&InstanceId=ccc-test", None),
    ("GET", f"{DOOR}ListPhoneNumbers&InstanceId=ccc-test", None),
    ("GET", f"{DOOR}AddPhoneNumbers&InstanceId=ccc-test", None),
    ("GET", f"{BULK}&InstanceId=ccc-test", None),
]


@pytest.fixture
async def guarded() -> AsyncIterator[Service]:
    async with serving(Service(settings_with(clients=CLIENTS, required="always"))) as service:
        yield service


@pytest.mark.parametrize("token", [NONE, WRONG, "dialer", "operator", "prometheus", "everything"])
@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
async def test_each_route_lets_in_who_has_its_scope_and_nobody_else(
    guarded: Service, method: str, path: str, scope: str, token: str
) -> None:
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await ask(guarded, method, path, None, **sent)
    if token in (NONE, WRONG):
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    else:
        assert answer.status != 401
        assert (answer.status == 403) == (scope not in (*SCOPES[token], "any"))


def test_every_route_but_the_open_ones_is_in_the_table_above() -> None:
    routes = {
        (route.method, route.resource.canonical)
        for route in Service().app().router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    named = {
        (method, path.partition("?")[0].replace("01055500001", "{number}"))
        for method, path, _ in NEEDS
    }
    open_ones = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/console")}
    refused_whatever_it_is = {("*", "/{path}")}
    assert routes - named == open_ones | refused_whatever_it_is


@pytest.mark.parametrize(
    ("instances", "passes"),
    [((), True), (("ccc-test",), True), (("other",), False), (("other", "ccc-test"), True)],
    ids=["unbound", "bound", "bound elsewhere", "bound to both"],
)
@pytest.mark.parametrize(("method", "path", "body"), NAMING)
async def test_a_token_opens_the_instances_that_it_is_bound_to_and_no_other(
    method: str, path: str, body: bytes | None, instances: tuple[str, ...], *, passes: bool
) -> None:
    client = replace(client_with("one", "pick", "admin"), instances=instances)
    settings = settings_with("ccc-test", "other", clients=(client,), required="always")
    async with serving(Service(settings)) as service:
        token = {"Authorization": "Bearer one", "Content_Type": "application/json"}
        answer = await ask(service, method, path, body, **token)
    assert (answer.status == 403) != passes
    asked = [*service.picker.asked, *service.outcomes.told, *service.provisioner.asked]
    assert passes or not (asked or service.directory.asked or service.parking.parked)


def test_every_route_that_takes_an_instance_is_in_the_table_above() -> None:
    """All but what is the process's, and the last picks, told by those one sees."""
    named = {(method, path.partition("?")[0]) for method, path, _ in NAMING} | {("POST", "/")}
    needing = {(method, path.partition("?")[0]) for method, path, _ in NEEDS}
    assert needing - named == {
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/v1/console/picks"),
    }


async def test_who_is_bound_sees_the_last_picks_of_those_instances_alone() -> None:
    bound = replace(client_with("one", "admin"), instances=("other",))
    clients = (bound, client_with("all", "pick", "admin"))
    settings = settings_with("ccc-test", "other", clients=clients, required="always")
    async with serving(Service(settings)) as service:
        token = {"Authorization": "Bearer all", "Content_Type": "application/json"}
        await ask(service, "POST", "/v1/pick", IN_BODY, **token)
        await ask(service, "POST", "/v1/pick", IN_BODY.replace(b"ccc-test", b"other"), **token)
        seen = await ask(service, "GET", "/v1/console/picks", Authorization="Bearer one")
        everything = await ask(service, "GET", "/v1/console/picks", Authorization="Bearer all")
    assert [each["instance_id"] for each in seen.json["data"]] == ["other"]
    assert [each["instance_id"] for each in everything.json["data"]] == ["other", "ccc-test"]


async def test_who_is_bound_sees_the_inventories_of_those_instances_alone() -> None:
    client = replace(client_with("one", "admin"), instances=("other",))
    settings = settings_with("ccc-test", "other", clients=(client,), required="always")
    async with serving(Service(settings)) as service:
        answer = await ask(service, "GET", "/v1/inventory", Authorization="Bearer one")
    assert [each["instance_id"] for each in answer.json["data"]] == ["other"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_and_readiness_stay_open(guarded: Service, path: str) -> None:
    assert (await ask(guarded, "GET", path)).status == 200


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer unknown",
        "Bearer",
        "Bearer ",
        "dialer",
        "Basic ZGlhbGVyOg==",
        "Bearer dialer2",
        "Bearer diale",
        "Bearer dialer dialer",
        "ACS3-HMAC-SHA256 Credential=dialer",
    ],
)
async def test_whatever_is_no_known_token_is_unauthenticated(guarded: Service, sent: str) -> None:
    answer = await picked(guarded, Authorization=sent)
    assert (answer.status, answer.json["code"]) == (401, "Unauthenticated")
    assert guarded.sample("pick_refusals_total", instance="", code="Unauthenticated") == 1


@pytest.mark.parametrize("sent", ["Bearer dialer", "bearer dialer", "BEARER  dialer"])
async def test_a_known_token_is_taken_however_its_scheme_is_spelt(
    guarded: Service, sent: str
) -> None:
    assert (await picked(guarded, Authorization=sent)).status == 200


@pytest.mark.parametrize(("token", "status"), [(b"\xff", 401), ("通行证".encode(), 400)])
async def test_a_token_is_compared_as_bytes(guarded: Service, token: bytes, status: int) -> None:
    head = b"POST /v1/pick HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    answer = await raw(guarded, head + b"Authorization: Bearer %b\r\n\r\n" % token)
    assert answer.startswith(b"HTTP/1.1 %d " % status)


async def test_a_request_without_a_token_is_refused_before_its_body_is_read(
    guarded: Service,
) -> None:
    head = b"POST /v1/pick HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    answer = await raw(guarded, head, rest=b" " * 9)
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("required", "host", "is_asked"),
    [
        ("auto", "127.0.0.1", False),
        ("auto", "0.0.0.0", True),
        ("always", "127.0.0.1", True),
        ("never", "0.0.0.0", False),
    ],
)
async def test_a_token_is_asked_for_as_configured(
    required: str, host: str, *, is_asked: bool
) -> None:
    base = settings_with(clients=CLIENTS)
    auth = Auth(required=required, clients=CLIENTS)  # type: ignore[arg-type]
    settings = Settings(server=Server(host=host), auth=auth, instances=base.instances)
    async with serving(Service(settings)) as service:
        assert ((await picked(service)).status == 401) == is_asked


def test_the_tokens_themselves_are_not_kept() -> None:
    client = Client(name="dialer", token=Secret("hunter2"), scopes=("pick",))
    tokens = Tokens(settings_with(clients=(client,), required="always"))
    assert "hunter2" not in repr(vars(tokens))
