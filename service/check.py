"""`callerid check`: does what the service would do at its start, and says what it found."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from redis.asyncio import Redis

from service.ccc.accounts import Accounts
from service.ccc.client import CccClient
from service.check_redis import check_server, check_topology
from service.errors import CccError
from service.instances import SCHEMA
from service.metrics import Metrics
from service.redis_client import RoutingClient, open_client, open_topology
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
        where = open_topology(settings.redis.url) or settings.redis.url
        redis = open_client(where, timeout=TIMEOUT_SECONDS)
        lifetime.push_async_callback(redis.aclose)
        async for well in _redis_findings(settings, redis, lifetime):
            yield well
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


async def _redis_findings(
    settings: Settings, redis: Redis, lifetime: AsyncExitStack
) -> AsyncIterator[bool]:
    if not isinstance(redis, RoutingClient):
        yield await check_server(redis)
        return
    lifetime.push_async_callback(redis.topology.aclose)
    await redis.topology.search()
    scopes = dict.fromkeys(instance.scope for instance in settings.instances)
    keys = [f"{settings.redis.prefix}:{SCHEMA}:{{{scope}}}:" for scope in scopes]
    async for well in check_topology(redis, keys):
        yield well
