"""The commands of Redis that the service uses, and which of them its user lacks.

`deploy/redis/users.acl` grants just these two lists, and a test holds both to what a service does
in a Redis that refuses everything else.
"""

from typing import Any

from redis.asyncio import Redis

# Each as an access list names it, with what its first arguments are, as far as the keys among them.
NEEDED = {
    "client|setname": "CLIENT SETNAME callerid",
    "del": "DEL KEY",
    "eval": "EVAL LUA 1 KEY",
    "evalsha": "EVALSHA SHA 1 KEY",
    "exec": "EXEC",
    "exists": "EXISTS KEY",
    "expire": "EXPIRE KEY",
    "get": "GET KEY",
    "hdel": "HDEL KEY",
    "hget": "HGET KEY",
    "hgetall": "HGETALL KEY",
    "hincrby": "HINCRBY KEY",
    "hmget": "HMGET KEY",
    "hscan": "HSCAN KEY",
    "hset": "HSET KEY",
    "hsetnx": "HSETNX KEY",
    "info": "INFO",
    "mget": "MGET KEY",
    "multi": "MULTI",
    "persist": "PERSIST KEY",
    "pexpire": "PEXPIRE KEY",
    "pttl": "PTTL KEY",
    "role": "ROLE",  # behind Sentinels: who is promoted says so itself
    "set": "SET KEY",
    "time": "TIME",
    "zadd": "ZADD KEY",
    "zcard": "ZCARD KEY",
    "zrange": "ZRANGE KEY",
    "zrangebyscore": "ZRANGEBYSCORE KEY",
    "zrem": "ZREM KEY",
    "zremrangebyscore": "ZREMRANGEBYSCORE KEY",
}

# What the service can do without, at more of Redis's time for a pick alone, which a script decides
# where there are no functions (7.0 on), and for an outcome.
OPTIONAL = ("fcall", "function|load", "setrange")

# Asks without doing it: it changes nothing and leaves no trace in the server's ACL LOG.
_ASK = """
if not redis.acl_check_cmd then return false end
local may = {}
for i, line in ipairs(ARGV) do
  local words = {}
  for word in line:gmatch('%S+') do words[#words + 1] = word == 'KEY' and KEYS[1] or word end
  may[i] = redis.acl_check_cmd(unpack(words)) and 1 or 0
end
return may
"""


async def lacking(redis: Redis, key: str) -> tuple[str, ...] | None:
    """Ask which of the commands the user may not use on a key.

    Args:
        redis: connected as that user.
        key: one of the service's own; it need not exist.

    Returns:
        Their names as an access list has them; None where the server cannot tell (before 7.0).

    Raises:
        redis.exceptions.NoPermissionError: it may not even ask, or not touch the key.
    """
    may: Any = await redis.eval(_ASK, 1, key, *NEEDED.values())
    if may is None:
        return None
    return tuple(name for name, allowed in zip(NEEDED, may, strict=True) if not allowed)
