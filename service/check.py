"""`callerid check`: does what the service would do at its start, and says what it found."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.ccc.accounts import Accounts
from service.ccc.client import CccClient
from service.errors import CccError
from service.metrics import Metrics
from service.redis_client import open_client
from service.settings import Settings

TIMEOUT_SECONDS = 5.0


async def check(settings: Settings) -> int:
    """Try Redis and each instance's CCC, and print a line for each.

    Returns:
        0 if all is well, 1 if something would keep picks from the shared ledger or the inventory
        from being swept.
    """
    print(f"configuration: fine, {len(settings.instances)} instance(s)")
    async with AsyncExitStack() as lifetime:
        results = [well async for well in _findings(settings, lifetime)]
    return 0 if all(results) else 1


async def _findings(settings: Settings, lifetime: AsyncExitStack) -> AsyncIterator[bool]:
    redis = None
    if settings.redis.url:
        redis = open_client(settings.redis.url, timeout=TIMEOUT_SECONDS)
        lifetime.push_async_callback(redis.aclose)
        yield await _check_redis(redis)
    else:
        print("redis: none configured; the ledger is embedded in the one process")
    accounts = Accounts(settings, redis, Metrics(), lifetime)
    clients = {one.id: await accounts.client_for(one) for one in settings.instances}
    for told, well in await asyncio.gather(*(_check_ccc(*each) for each in clients.items())):
        print(told)
        yield well


async def _check_ccc(instance_id: str, ccc: CccClient) -> tuple[str, bool]:
    try:
        page = await ccc.list_phone_numbers(instance_id, page_size=1)
    except CccError as error:
        return f"{instance_id}: CCC refused ListPhoneNumbers: {error}", False
    return f"{instance_id}: CCC lists {page.total_count} numbers", True


async def _check_redis(redis: Redis) -> bool:
    try:
        version = (await redis.info("server"))["redis_version"]
        policy = (await redis.config_get("maxmemory-policy"))["maxmemory-policy"]
    except (RedisError, OSError) as error:
        print(f"redis: out of reach: {type(error).__name__}: {error}")
        return False
    print(f"redis: up, version {version}, maxmemory-policy {policy}")
    if policy != "noeviction":
        print("redis: set maxmemory-policy to noeviction: an evicted key is a forgotten cap")
    return bool(policy == "noeviction")
