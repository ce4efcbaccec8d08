"""Check Redis: each server that holds data, and the Sentinels or nodes that name it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from redis.asyncio import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.exceptions import NoPermissionError, RedisError

from service.building import ledger_base, scope_base
from service.cli.check.advice import advice_on
from service.cli.check.findings import Finding, State
from service.cli.check.script import TIMEOUT_SECONDS, run_scripts
from service.errors import LedgerUnavailable
from service.redis_.access import lacking
from service.redis_.client import (
    RoutingClient,
    client_for,
    open_client,
    open_topology,
    translated,
    words_of,
)
from service.redis_.cluster import Cluster, View
from service.redis_.connections import MISREAD
from service.redis_.sentinels import Sentinels, SentinelView
from service.redis_.topology import Topology
from service.redis_.url import Address
from service.settings import Settings

CLOCK_SECONDS = 2  # less is between two servers' clocks

_FUNCTIONS = "a function takes less, if this Redis is 7.0 or later and its user may"
_INFO_REFUSED = re.compile(r"(?i)^NOPERM.*\binfo\b|unknown command.*\binfo\b")


def open_redis(settings: Settings, lifetime: AsyncExitStack) -> Redis | None:
    """The client of what is configured, None where nothing is.

    Raises:
        SettingsError: no such URL, or redis-py cannot read its options.
    """
    if not settings.redis.url:
        return None
    where = open_topology(settings.redis.url) or settings.redis.url
    redis = open_client(where, timeout=TIMEOUT_SECONDS)
    lifetime.push_async_callback(redis.aclose)
    if isinstance(redis, RoutingClient):
        lifetime.push_async_callback(redis.topology.aclose)
    return redis


async def check_redis(settings: Settings, redis: Redis | None) -> list[Finding]:
    """Look at all there is.

    Args:
        settings: tell what the keys begin with.
        redis: what `open_redis` opened.
    """
    if redis is None:
        return [_redis("fine", "none configured; the ledger is embedded in the one process")]
    scopes = dict.fromkeys(instance.scope for instance in settings.instances)
    bases = [scope_base(settings, scope) for scope in scopes]
    if isinstance(redis, RoutingClient):
        await redis.topology.search()
        findings = await _check_topology(redis, bases)
    else:
        findings = await _check_server(redis)
        if findings[0].state != "failed":
            findings += await _check_use(redis, bases[0])
    return findings + await _check_clocks(settings, redis)


async def _check_server(redis: Redis, name: str = "redis") -> list[Finding]:
    """Report one server's version and the settings of it that would lose something."""
    try:
        info = await redis.info()  # which needs no right to read the server's configuration
    except (RedisError, OSError, *MISREAD) as error:
        words = words_of(error)
        if not _INFO_REFUSED.search(words):
            return [Finding(name, "failed", _not_serving(error))]
        info = {"redis_version": f"unknown ({words})"}
    version, policy = info.get("redis_version", "unknown"), info.get("maxmemory_policy")
    text = f"up, version {version}, maxmemory-policy {policy or 'unknown'}"
    if policy is None:
        return [Finding(name, "warning", f"{text}: see that it is noeviction")]
    findings = [Finding(name, "fine", text)]
    if policy != "noeviction":
        text = "set maxmemory-policy to noeviction: an evicted key is a forgotten cap"
        findings.append(Finding(name, "failed", text))
    return findings


async def _check_use(redis: Redis, base: str) -> list[Finding]:
    """Report the commands that a scope lacks; where it lacks none, whether its scripts run."""
    findings = await _check_access(redis, f"{base}check")
    if any(finding.state == "failed" for finding in findings):
        return findings
    try:
        function = await run_scripts(redis, base)
    except (LedgerUnavailable, RedisError, OSError) as error:
        text = f"the ledger's scripts do not run: {advice_on(str(error))}"
        return [*findings, _redis("failed", text)]
    way = f"by the function {function}" if function else f"by EVALSHA: {_FUNCTIONS}"
    return [*findings, _redis("fine", f"the ledger's scripts run on keys like {base}, picks {way}")]


def _not_serving(error: Exception) -> str:
    return f"does not serve: {type(error).__name__}: {advice_on(words_of(error))}"


async def _check_clocks(settings: Settings, redis: Redis) -> list[Finding]:
    """Report each ledger that has seen a later time than Redis's clock tells."""
    findings = []
    for instance in settings.instances:
        base = ledger_base(settings, instance)
        try:
            with translated():
                latest: Any = await redis.hget(f"{base}state", "now")
                seconds, _ = await client_for(redis, base).time()
                behind = int(latest or 0) / 1000 - seconds
        except LedgerUnavailable:
            continue  # it does not serve, which was said already
        if behind > CLOCK_SECONDS:
            text = (
                f"{instance.id}: the ledger has seen {behind:.0f} s more than Redis's clock tells: "
                "set the clock by NTP; ledger time goes on slower until it has caught up"
            )
            findings.append(_redis("warning", text))
    return findings


async def _check_access(redis: Redis, key: str) -> list[Finding]:
    """Report the commands that the service needs and the URL's user may not use on its keys."""
    try:
        missing = await lacking(redis, key)
    except NoPermissionError as error:
        return [_redis("failed", f"the user may not so much as ask on keys like {key}: {error}")]
    except (RedisError, OSError):
        return []  # it does not serve, which was said already
    if missing is None:
        return [_redis("fine", "this version cannot tell what its user may not do; 7.0 can")]
    if missing:
        commands = " ".join(f"+{command}" for command in missing)
        text = f"the user lacks, on keys like {key}: {commands} (deploy/redis/users.acl)"
        return [_redis("failed", text)]
    return [_redis("fine", "the user may do all that is needed")]


async def _check_topology(redis: RoutingClient, keys: Sequence[str]) -> list[Finding]:
    """Report on each Sentinel or node, on each server that holds data, and where the keys are."""
    topology = redis.topology
    findings = await _who_tells(topology)
    if not topology.masters():
        findings.append(_redis("failed", "nobody tells where a server is that holds data"))
    for address in topology.masters():
        findings += await _check_server(redis.at(address), f"redis: {_named(address)}")
        if advice := await _advice(redis, address):
            findings.append(_redis("warning", f"{_named(address)}: {advice}"))
    for key in keys:
        findings.append(place := await _check_key(redis, key))
        if place.state != "failed":
            findings += await _check_use(redis, key)
    return findings


async def _who_tells(topology: Topology) -> list[Finding]:
    if isinstance(topology, Sentinels):
        return list(_sentinels(topology, await topology.ask()))
    if isinstance(topology, Cluster):
        return list(_nodes(topology, await topology.ask()))
    return []


def _sentinels(topology: Sentinels, views: Sequence[SentinelView | None]) -> Iterator[Finding]:
    for host, view in zip(topology.hosts, views, strict=True):
        if view is None:
            text = f"does not answer, or knows no service {topology.service}"
        else:
            master = f"{_named(view.master)}, with {view.replicas} replica(s)"
            text = f"the master of {topology.service} is {master}"
        yield _redis("warning" if view is None else "fine", f"Sentinel {_named(host)}: {text}")


def _nodes(topology: Cluster, views: Sequence[View | None]) -> Iterator[Finding]:
    for host, view in zip(topology.hosts, views, strict=True):
        text = "does not answer" if view is None else f"knows {len(view.nodes)} nodes"
        yield _redis("warning" if view is None else "fine", f"node {_named(host)}: {text}")
    served = topology.slots_served()
    text = f"{served} of {SLOTS} slots are served, by {len(topology.masters())} node(s)"
    yield _redis("fine" if served == SLOTS else "failed", text)


async def _advice(redis: RoutingClient, address: Address) -> str:
    """A setting with which more fails than must; it is the operator's to choose."""
    key, unwise, why = (
        ("min-replicas-to-write", "0", "1: a master that is cut off must not go on by itself")
        if isinstance(redis.topology, Sentinels)
        else ("cluster-require-full-coverage", "yes", "no: else a lost shard stops all others")
    )
    try:
        config = await redis.at(address).config_get(key)
    except (RedisError, OSError):
        return ""
    return f"consider {key} {why}" if config.get(key) == unwise else ""


async def _check_key(redis: RoutingClient, key: str) -> Finding:
    try:
        address = redis.topology.address_of(key)
        await redis.exists(key)
    except (RedisError, OSError) as error:
        return _redis("failed", f"the server of the keys {key}… {_not_serving(error)}")
    return _redis("fine", f"the keys {key}… are at {_named(address)}")


def _redis(state: State, text: str) -> Finding:
    return Finding("redis", state, text)


def _named(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
