"""Find what to do about a Redis that does not serve, by its own words."""

import re

_SERVERS = "docs/operations.md, “Which Redis serves”"
# In order: the first that is found in the words.
_ADVICE = {
    r"^DENIED": "it is in protected mode: give its user a password, as deploy/redis/users.acl does",
    r"illegal address|whitelist": "add this machine's address to the instance's allow-list",
    r"bad lua script|undeclared key|non local key|declared keys": "its scripts may not make names "
    f"of keys: see {_SERVERS}; at Alibaba Cloud set script_check_enable to 0",
    r"not support for normal user": "upgrade the instance to its latest minor version",
    r"^NOAUTH|Authentication required": "give the password in redis.url",
    r"^WRONGPASS|invalid .*password|without any password": "correct the user or the password in "
    "redis.url",
    r"DB index|\bselect\b": "take database 0, or none, in redis.url",
    r"^NOPERM|no permissions|can't (run|access)": "grant the user what deploy/redis/users.acl "
    "does, or name another one in redis.url",
    r"^OOM": "give it more memory; with maxmemory-policy noeviction nothing is forgotten",
    r"^READONLY|not a master": "name the master in redis.url, or the Sentinels that know it",
    r"^NOREPLICAS": "bring its replicas back, or lower min-replicas-to-write",
    r"^MISCONF": "look at its disk, and at its log",
    r"loading the dataset|^MASTERDOWN": "wait until it has its data",
    r"^BUSY": "somebody else's script holds it: SCRIPT KILL",
    r"^CLUSTERDOWN|^CROSSSLOT|^MOVED": "where it is a cluster, redis.url is redis+cluster://host",
    r"max number of clients": "raise its maxclients, or have others connect less",
    r"unknown (sub)?command|not support": "it, or a proxy before it, lacks a command: see "
    f"{_SERVERS}",
    r"CERTIFICATE_VERIFY": "name its authority in redis.url: ?ssl_ca_certs=FILE",
    r"SSL|closed by server|closed the connection": "rediss:// is for a server that speaks TLS, "
    "redis:// for one that does not",
    r"Error \d|Timeout|no answer|No (node|Sentinel)": "look at the address in redis.url, at the "
    "firewall, and whether it runs",
}


def advice_on(words: str) -> str:
    """Return Redis's words, and what to do about them."""
    found = (text for sign, text in _ADVICE.items() if re.search(sign, words, re.IGNORECASE))
    return f"{words}: {next(found, f'see {_SERVERS}')}"
