"""Who may ask for what."""

from collections.abc import AsyncIterator

import pytest

from service.api.auth import Tokens
from service.settings import Auth, Client, Server, Settings
from tests.http.http_fixtures import Service, ask, client_with, picked, raw, serving, settings_with

CLIENTS = (
    client_with("dialer", "pick"),
    client_with("operator", "admin", "pick"),
    client_with("prometheus", "metrics"),
    client_with("通行证", "pick"),
)
LIST = "/?Action=ListPhoneNumbers&Version=2020-07-01"
NEEDS = [
    ("POST", "/v1/pick", "pick"),
    ("POST", "/v1/outcomes", "pick"),
    ("GET", "/v1/numbers", "admin"),
    ("PUT", "/v1/numbers/01055500001/park", "admin"),
    ("DELETE", "/v1/numbers/01055500001/park", "admin"),
    ("GET", "/v1/inventory", "admin"),
    ("POST", "/v1/inventory/refresh", "admin"),
    ("GET", "/v1/console/overview", "admin"),
    ("GET", "/v1/console/parked", "admin"),
    ("GET", "/v1/console/picks", "admin"),
    ("POST", "/v1/console/try", "admin"),
    ("GET", "/metrics", "metrics"),
    ("POST", LIST, "admin"),
    ("GET", "/?Action=PickOutboundNumbers&Version=2020-07-01", "pick"),
]


@pytest.fixture
async def guarded() -> AsyncIterator[Service]:
    async with serving(Service(settings_with(clients=CLIENTS, required="always"))) as service:
        yield service


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
async def test_a_request_without_a_token_is_unauthenticated(
    guarded: Service, method: str, path: str, scope: str
) -> None:
    answer = await ask(guarded, method, path)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
@pytest.mark.parametrize("client", CLIENTS[:3], ids=lambda client: str(client.name))
async def test_a_token_opens_what_its_scopes_name_and_nothing_else(
    guarded: Service, method: str, path: str, scope: str, client: Client
) -> None:
    answer = await ask(guarded, method, path, Authorization=f"Bearer {client.token}")
    allowed = scope in client.scopes
    assert (answer.status == 403) != allowed
    assert answer.status != 401


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
    tokens = Tokens(settings_with(clients=CLIENTS, required="always"))
    assert "dialer" not in repr(vars(tokens))
