"""What the instances of a process share with each other, and what they do not."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from alibabacloud_ccc20170705.client import Client as Client2017
from alibabacloud_ccc20200701 import client as sdk
from alibabacloud_tea_openapi.models import Config
from msgspec.structs import replace

from service.ccc.accounts import Accounts
from service.ccc.endpoints import endpoint_of
from service.metrics import Metrics
from service.settings import CccSettings, InstanceCcc, InstanceSettings, Secret, Settings

MAPPED = (
    "cn-beijing",
    "cn-shenzhen",
    "cn-hongkong",
    "ap-southeast-1",
    "us-west-1",
    "cn-north-2-gov-1",
    "cn-hangzhou-finance",
)


@pytest.mark.parametrize("region", ["cn-shanghai", "cn-hangzhou", "eu-west-2", *MAPPED])
@pytest.mark.parametrize("client", [sdk.Client, Client2017], ids=["2020", "2017"])
def test_a_region_is_resolved_as_the_sdk_does(region: str, client: type) -> None:
    config = Config(access_key_id="id", access_key_secret="secret", region_id=region)
    assert endpoint_of(region) == f"https://{client(config)._endpoint}"


def test_every_region_that_the_sdk_maps_is_mapped() -> None:
    config = Config(access_key_id="id", access_key_secret="secret", region_id="cn-shanghai")
    mapped: dict[str, str] = sdk.Client(config)._endpoint_map
    assert len(mapped) > 20
    for region, host in mapped.items():
        assert endpoint_of(region) == f"https://{host}"


def instance(name: str, **ccc: str) -> InstanceSettings:
    given: dict[str, Any] = {"access_key_id": name, "access_key_secret": Secret("secret"), **ccc}
    return InstanceSettings(id=name, ccc=InstanceCcc(**given))


@pytest.fixture
async def accounts() -> AsyncIterator[Accounts]:
    settings = replace(Settings(), ccc=CccSettings(endpoint="https://ccc.example"))
    async with AsyncExitStack() as lifetime:
        yield Accounts(settings, None, Metrics(), lifetime)


async def test_an_explicit_endpoint_wins_over_the_region_and_the_region_over_the_common_one(
    accounts: Accounts,
) -> None:
    own = await accounts.client_for(instance("a", region="cn-beijing", endpoint="http://mine"))
    of_region = await accounts.client_for(instance("b", region="cn-beijing"))
    common = await accounts.client_for(instance("c"))
    found = [str(client._endpoint) for client in (own, of_region, common)]
    assert found == ["http://mine", "https://ccc.aliyuncs.com", "https://ccc.example"]


async def test_instances_of_one_account_share_its_limit_and_those_of_another_do_not(
    accounts: Accounts,
) -> None:
    one = await accounts.client_for(instance("a", access_key_id="key"))
    same_key = await accounts.client_for(instance("b", access_key_id="key"))
    other_key = await accounts.client_for(instance("c", access_key_id="other"))
    assert one._limiter is same_key._limiter
    assert one._limiter is not other_key._limiter


async def test_two_keys_of_one_account_share_its_limit_by_its_name(accounts: Accounts) -> None:
    first = await accounts.client_for(instance("a", account="ours"))
    second = await accounts.client_for(instance("b", account="ours"))
    assert first._credentials is not second._credentials
    assert first._limiter is second._limiter
