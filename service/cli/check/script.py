"""Run the ledger's scripts once: not every server that speaks Redis's protocol lets them."""

from contextlib import suppress
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.inventory import Inventory, PhoneNumber, Step
from service.ledger import MembersWriter, Pick
from service.ledger.shared.line import Line
from service.redis_.client import translated

TIMEOUT_SECONDS = 5.0

_NUMBER = PhoneNumber("check", skill_group_ids=("check",))


async def run_scripts(redis: Redis, scope: str) -> str:
    """Write a ledger of one made-up number, pick that, and delete the ledger again.

    Args:
        redis: connected as the service's user.
        scope: what the keys of a scope begin with. The ledger stands beside those of instances:
            theirs go on with an id, which is never empty.

    Returns:
        The name of the function that picked, "" where a script did.

    Raises:
        LedgerUnavailable: Redis does not do it; the message is its own.
    """
    base = f"{scope}:check-{uuid4().hex}:"
    inventory = Inventory("", 1, [_NUMBER])
    pool = inventory.pool(_NUMBER.skill_group_ids[0], "any", "*")
    line = Line(redis, (base, f"{base}callee:"), "check", TIMEOUT_SECONDS)
    try:
        with translated():
            await MembersWriter(redis, base).write(inventory, 1, "check")
        await line.call([Pick(dry_run=False, steps=(Step("any", (pool,)),))])
        return line.function
    finally:
        await line.close()
        with suppress(RedisError, OSError):
            await redis.delete(*_keys(base, inventory))


def _keys(base: str, inventory: Inventory) -> list[str]:
    homes = (f"home:{home.home_id}" for home in inventory.homes().values())
    pools = (f"pool:{name}" for name in inventory.members)
    return [
        f"{base}{name}" for name in ("state", "numbers", "homes", "process:check", *homes, *pools)
    ]
