"""Web pages before a listener on loopback that asks nobody who they are."""

from typing import Any

import pytest
from msgspec.structs import replace

from service.settings import Server
from tests.http.http_fixtures import (
    FORM,
    PICK,
    Service,
    ask,
    client_with,
    picked,
    raw,
    serving,
    settings_with,
    status_of,
)

# What changes something or picks, each by a way that a page has.
DOOR = "/?Action=PickOutboundNumbers&Version=2020-07-01&Format=JSON&InstanceId=ccc-test"
CHANGING = [
    ("POST", "/v1/pick"),
    ("POST", "/v1/outcomes"),
    ("POST", "/v1/numbers"),
    ("POST", "/v1/numbers/bulk"),
    ("PUT", "/v1/numbers/01055500001/park"),
    ("DELETE", "/v1/numbers/01055500001/park"),
    ("POST", "/v1/inventory/refresh"),
    ("POST", "/v1/console/try"),
    ("GET", DOOR),
    ("POST", DOOR),
]
FOREIGN: list[dict[str, Any]] = [
    {"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec_Fetch_Site": "cross-site"},  # a link or an image: no Origin
    {"Sec_Fetch_Site": "same-site", "Origin": "http://127.0.0.1:3000"},  # another program's page
    {"Origin": "http://127.0.0.1:3000"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},  # a sandbox, a file
    {"Sec_Fetch_Site": "none", "Origin": "null"},
]


def untouched(service: Service) -> bool:
    return not (
        service.picker.asked
        or service.outcomes.told
        or service.provisioner.asked
        or service.parking.parked
        or service.parking.lifted
        or service.keepers["ccc-test"].accepted_shrink
        or service.trials.asked
    )


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(("method", "path"), CHANGING)
async def test_a_page_of_another_site_changes_and_picks_nothing(
    service: Service, method: str, path: str, headers: dict[str, Any]
) -> None:
    answer = await ask(service, method, path, **headers)
    assert (answer.status, untouched(service)) == (403, True)
    assert answer.json.get("code", answer.json.get("Code")) in ("Forbidden", "Forbidden.RAM")


async def test_a_form_that_a_page_posts_is_refused(service: Service) -> None:
    """Without a preflight: a form is what any page may post anywhere."""
    body = b"called_number=13888888888&skill_group_ids=sales%40ccc-test"
    answer = await ask(
        service, "POST", "/v1/pick", body, Origin="https://evil.example", Content_Type=FORM
    )
    assert answer.status == 403
    assert untouched(service)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example@127.0.0.1",
        "0.0.0.0",
        "[::2]:80",
        "192.168.1.5",
        "127.0.0.1:80:80",
    ],
)
@pytest.mark.parametrize("path", ["/v1/numbers", "/readyz", "/metrics", "/console", "/none"])
async def test_a_rebound_name_reads_nothing(service: Service, path: str, host: str) -> None:
    answer = await raw(service, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert status_of(answer) == 403
    assert not service.directory.asked


async def test_the_express_lane_lets_no_rebound_name_in(service: Service) -> None:
    for _ in range(3):
        assert (await picked(service)).status == 200
    for host in ("evil.example", f"evil.example:{service.port}"):
        assert (await picked(service, Host=host)).status == 403
        assert (await picked(service, Origin=f"http://{host}")).status == 403
    assert (await picked(service)).status == 200
    assert len(service.picker.asked) == 4


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:9", "127.0.0.1", "127.8.9.1:80", "[::1]:80", "callerid.internal"],
)
async def test_names_of_loopback_and_allowed_ones_are_served(host: str) -> None:
    settings = settings_with()
    server = Server(allowed_hosts=("callerid.internal",))
    async with serving(Service(replace(settings, server=server))) as service:
        assert (await picked(service, Host=host)).status == 200
        assert (await picked(service, Host=host, Origin=f"http://{host.lower()}")).status == 200


async def test_http_1_0_without_a_host_is_served(service: Service) -> None:
    head = b"POST /v1/pick HTTP/1.0\r\nContent-Type: application/json\r\n"
    request = head + b"Content-Length: %d\r\n\r\n" % len(PICK) + PICK
    assert status_of(await raw(service, request)) == 200


@pytest.mark.parametrize("own", ["page", "address bar", "behind TLS"])
async def test_the_listeners_own_page_does_what_it_does(service: Service, own: str) -> None:
    headers: dict[str, Any] = {
        "page": {"Sec_Fetch_Site": "same-origin", "Origin": service.address},
        "address bar": {"Sec_Fetch_Site": "none"},
        # A proxy that tells its own name for the listener; the browser knows better.
        "behind TLS": {"Sec_Fetch_Site": "same-origin", "Origin": "https://callerid.example"},
    }[own]
    assert (await ask(service, "PUT", "/v1/numbers/01055500001/park", **headers)).status != 403
    assert (await picked(service, **headers)).status == 200


async def test_a_page_of_another_site_may_link_to_the_console(service: Service) -> None:
    assert (await ask(service, "GET", "/console", Sec_Fetch_Site="cross-site")).status == 200


@pytest.mark.parametrize("why", ["auth", "beyond loopback"])
async def test_elsewhere_any_name_and_any_origin_is_served(why: str) -> None:
    clients = (client_with("known", "pick", "metrics"),)
    how: dict[str, Any] = {"required": "always"} if why == "auth" else {"required": "never"}
    settings = settings_with(clients=clients, **how)
    if why != "auth":
        settings = replace(settings, server=Server(host="0.0.0.0"))  # as a pod has it
    async with serving(Service(settings)) as service:
        headers: Any = {
            "Authorization": "Bearer known",
            "Host": "callerid.example",
            "Origin": "https://crm.example",
            "Sec_Fetch_Site": "cross-site",
        }
        assert (await picked(service, **headers)).status == 200
        assert (await ask(service, "GET", "/readyz", Host="10.1.2.3:8080")).status == 200
