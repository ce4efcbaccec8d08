"""The RPC door of the whole service: signed calls, and nonces that replicas share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from alibabacloud_ccc20170705 import models as models_2017
from alibabacloud_ccc20170705.client import Client as Client2017
from alibabacloud_ccc20200701 import models
from alibabacloud_ccc20200701.client import Client
from alibabacloud_tea_openapi.models import Config
from msgspec.structs import replace

from service.emulator import running
from service.settings import AccessKeySettings, Auth, Secret, Settings
from tests.conftest import RedisServer
from tests.http.http_fixtures import Service as Target
from tests.rpc.rpc_fixtures import KEY, send, signed
from tests.whole.services import (
    CHENGDU_MOBILE,
    SALES,
    Running,
    chengdu_numbers,
    emulator_of,
    settings_for,
    started,
)

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too


def guarded(settings: Settings, *keys: AccessKeySettings) -> Settings:
    return replace(settings, auth=Auth(required="always", access_keys=keys or (KEY,)))


@asynccontextmanager
async def replicas(redis_url: str, count: int) -> AsyncIterator[list[Running]]:
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(running(emulator_of(chengdu_numbers(3))))
        settings = guarded(settings_for(f"http://{address}", redis_url))
        yield [await stack.enter_async_context(started(settings)) for _ in range(count)]


def target(one: Running) -> Target:
    """What a request is signed for and sent to."""
    service = Target()
    service.address = one.url
    return service


@pytest.mark.parametrize("scheme", [{}, {"signature_algorithm": "v2"}], ids=["ACS3", "RPC v1"])
async def test_the_sdk_picks_by_a_key_that_the_service_knows(scheme: dict[str, str]) -> None:
    async with replicas("", 1) as (one,):
        address = one.url.removeprefix("http://")
        key = {"access_key_id": KEY.id, "access_key_secret": str(KEY.secret)}
        sdk = Client(Config(endpoint=address, protocol="HTTP", **key, **scheme))
        asked = models.PickOutboundNumbersRequest(
            instance_id="ccc-test",
            called_number=CHENGDU_MOBILE,
            skill_group_id_list=f'["{SALES}"]',
            count=3,
        )
        body = (await asyncio.to_thread(sdk.pick_outbound_numbers, asked)).body
        callers = sorted(pair.caller.number for pair in body.data)
        assert callers == ["02855500000", "02855500001", "02855500002"]
        assert (await one.pick())[0] == 401


async def test_the_sdks_add_numbers_through_the_service_and_list_them() -> None:
    async with replicas("", 1) as (one,):
        key = {"access_key_id": KEY.id, "access_key_secret": str(KEY.secret)}
        config = Config(endpoint=one.url.removeprefix("http://"), protocol="HTTP", **key)
        new, old = Client(config), Client2017(config)
        numbers = '["02855510001", "02855500000"]'  # one is there already
        request = models.AddPhoneNumbersRequest(
            instance_id="ccc-test", usage="Outbound", number_list=numbers
        )
        added = (await asyncio.to_thread(new.add_phone_numbers, request)).body
        assert (added.code, added.data) == ("OK", ["02855500000"])
        bulk_request = models_2017.AddBulkPhoneNumbersRequest(
            instance_id="ccc-test",
            usage="Outbound",
            phone_number=["02855510002", "02855510001"],
            skill_group_id=[SALES],
        )
        bulk = (await asyncio.to_thread(old.add_bulk_phone_numbers, bulk_request)).body
        assert bulk.userd_phone_numbers.userd_phone_number == ["02855510001"]
        rows = {row.number: row for row in bulk.phone_numbers.phone_number}
        assert rows["02855510002"].skill_groups.skill_group[0].skill_group_id == SALES
        listing = models.ListPhoneNumbersRequest(
            instance_id="ccc-test", page_number=1, page_size=10, search_pattern="5510"
        )
        listed = (await asyncio.to_thread(new.list_phone_numbers, listing)).body.data
        assert [row.number for row in listed.list] == ["02855510001", "02855510002"]


async def test_an_addition_replayed_is_refused_by_all_and_by_all_while_redis_is_gone(
    own_redis: RedisServer,
) -> None:
    async with replicas(own_redis.url, 2) as (one, other):
        host = {"host": "callerid.internal"}
        sent = signed(target(one), "acs3", "AddPhoneNumbers", system=host)
        first = await send(target(one), sent)
        assert b"Nonce" not in first.body
        for each in (one, other):
            assert (await send(target(each), sent)).json["Code"] == "SignatureNonceUsed"
        own_redis.kill()
        fresh = signed(target(one), "acs3", "AddPhoneNumbers", system=host)
        answer = await send(target(one), fresh)
        assert (answer.status, answer.json["Code"]) == (503, "ServiceUnavailable")
        # A pick asks this process alone whether its nonce was used.
        params = {
            "InstanceId": "ccc-test",
            "CalledNumber": CHENGDU_MOBILE,
            "SkillGroupIdList": f'["{SALES}"]',
        }
        pick = signed(target(one), "rpc_v1", "PickOutboundNumbers", params)
        assert (await send(target(one), pick)).status == 200


async def test_a_demo_takes_any_key() -> None:
    async with running(emulator_of(chengdu_numbers(1))) as address:
        settings = replace(settings_for(f"http://{address}"), auth=Auth())
        async with started(settings) as one:
            stranger = replace(KEY, id="any", secret=Secret("whatever"))
            params = {"InstanceId": "ccc-test", "PageNumber": "1", "PageSize": "1"}
            sent = signed(target(one), "acs3", "ListPhoneNumbers", params, key=stranger)
            assert (await send(target(one), sent)).json["Data"]["TotalCount"] == 1
