"""`callerid check`: does what the service would do at its start, and says what it found."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.ccc.accounts import Accounts
from service.errors import CccError
from service.instances import SCHEMA
from service.metrics import Metrics
from service.redis_access import lacking
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
        yield await _check_redis(redis, f"{settings.redis.prefix}:{SCHEMA}:check")
    else:
        print("redis: none configured; the ledger is embedded in the one process")
    accounts = Accounts(settings, redis, Metrics(), lifetime)
    for instance in settings.instances:
        ccc = await accounts.client_for(instance)
        try:
            page = await ccc.list_phone_numbers(instance.id, page_size=1)
        except CccError as error:
            print(f"{instance.id}: CCC refused ListPhoneNumbers: {error}")
            yield False
        else:
            print(f"{instance.id}: CCC lists {page.total_count} numbers")
            yield True


async def _check_redis(redis: Redis, key: str) -> bool:
    try:
        told = await redis.info()  # which needs no right to read the server's configuration
    except (RedisError, OSError) as error:
        print(f"redis: out of reach: {type(error).__name__}: {error}")
        return False
    policy = told["maxmemory_policy"]
    print(f"redis: up, version {told['redis_version']}, maxmemory-policy {policy}")
    if policy != "noeviction":
        print("redis: set maxmemory-policy to noeviction: an evicted key is a forgotten cap")
    return await _check_access(redis, key) and bool(policy == "noeviction")


async def _check_access(redis: Redis, key: str) -> bool:
    try:
        missing = await lacking(redis, key)
    except (RedisError, OSError) as error:
        print(f"redis: cannot tell what the user may do on keys like {key}: {error}")
        return False
    if missing is None:
        print("redis: this version cannot tell what its user may not do; 7.0 can")
    elif missing:
        commands = " ".join(f"+{command}" for command in missing)
        print(f"redis: the user lacks, on keys like {key}: {commands} (deploy/redis/users.acl)")
    else:
        print("redis: the user may do all that is needed")
    return not missing
