"""Number health: counts outcomes, judges them by its rules, and tells the ledger what follows."""

from service.health.store import MemoryStore, RedisStore
from service.health.watch import NumberHealth

__all__ = ["MemoryStore", "NumberHealth", "RedisStore"]
