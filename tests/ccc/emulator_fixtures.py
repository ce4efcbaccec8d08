"""What the tests of the emulator share: one inventory, the official SDK, and a raw signed request.

The raw request is for what the SDK does not let one do: replay, backdate, leave out.
"""

import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import aiohttp
from alibabacloud_ccc20200701.client import Client
from alibabacloud_tea_openapi.models import Config
from yarl import URL

from service.ccc import signing
from service.emulator import Emulator, phone_number, skill_groups

KEY, SECRET = "test-key", "test-secret"
GROUP, OTHER_GROUP = "sales@ccc-test", "support@ccc-test"
PLACES = {"1381000": ("北京", "北京"), "1380813": ("四川", "乐山"), "1380099": ("新疆", "乌鲁木齐")}


def locate(dialled: str) -> tuple[str, str]:
    return PLACES.get(dialled[:7], ("", ""))


def few_numbers() -> list[dict[str, Any]]:
    """One number for each thing that a filter or a pick tells apart."""
    group = skill_groups(GROUP)
    beijing = {"Province": "北京", "City": "北京"}
    leshan = {"Province": "四川", "City": "乐山"}
    chengdu = {"Province": "四川", "City": "成都"}
    return [
        phone_number(Number="01055500001", **beijing, SkillGroups=group, Usage="Outbound"),
        phone_number(Number="01055500002", **beijing, SkillGroups=skill_groups(OTHER_GROUP)),
        phone_number(Number="01055500003", **beijing, SkillGroups=group, Active=False),
        phone_number(Number="01055500004", **beijing, SkillGroups=group, Usage="Inbound"),
        phone_number(Number="01055500005", **beijing, SkillGroups=group, UserId="a1@ccc-test"),
        phone_number(Number="08335550006", **leshan, SkillGroups=group, Tags="M1"),
        phone_number(Number="02855500007", **chengdu, SkillGroups=group),
        phone_number(Number="13810000008", **beijing, SkillGroups=group),
    ]


def many_numbers(count: int) -> list[dict[str, Any]]:
    return [phone_number(Number=f"0105{n:07}") for n in range(count)]


def new_emulator(
    numbers: list[dict[str, Any]] | None = None, clock: Callable[[], float] = time.time
) -> Emulator:
    return Emulator(
        {"ccc-test": few_numbers() if numbers is None else numbers},
        {KEY: SECRET},
        locate=locate,
        clock=clock,
        randomness=Random(7),
    )


def sdk(address: str, **config: Any) -> Any:
    """The official client, unchanged, pointed at an emulator."""
    given = {"access_key_id": KEY, "access_key_secret": SECRET, **config}
    return Client(Config(endpoint=address, protocol="HTTP", **given))


def signed_headers(address: str, action: str, params: dict[str, str], **headers: str) -> Any:
    """The ACS3 headers of a call, `headers` in place of what they would have been."""
    unsigned = {
        "host": address,
        "x-acs-action": action,
        "x-acs-version": "2020-07-01",
        "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-content-sha256": signing.EMPTY_SHA256,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    request = signing.Acs3Request("POST", "/", params, unsigned)
    return {**unsigned, "Authorization": signing.acs3_authorization(request, KEY, SECRET)}


@asynccontextmanager
async def posted(
    address: str, params: dict[str, str], headers: dict[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    url = URL(f"http://{address}/?{signing.canonical_query(params)}", encoded=True)
    async with (
        aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session,
        session.post(url, headers=headers) as response,
    ):
        yield response


async def call(address: str, action: str, **params: str) -> tuple[int, Any]:
    """The status and the decoded body of one signed call."""
    params = {"InstanceId": "ccc-test", **params}
    async with posted(address, params, signed_headers(address, action, params)) as response:
        return response.status, await response.json()


async def listed(address: str, **params: str) -> tuple[int, Any]:
    return await call(
        address, "ListPhoneNumbers", **{"PageNumber": "1", "PageSize": "100", **params}
    )


async def picked(address: str, called: str = "13810001234", **params: str) -> tuple[int, Any]:
    groups = {"SkillGroupIdList": f'["{GROUP}"]', "Count": "10"}
    return await call(
        address, "PickOutboundNumbers", **{"CalledNumber": called, **groups, **params}
    )


def last_digits(rows: list[Any]) -> str:
    """What tells the few numbers apart, in order."""
    return "".join(sorted(row.number[-1] for row in rows))
