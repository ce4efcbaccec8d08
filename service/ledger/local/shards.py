"""Small mappings in place of one large: that takes longer to grow, or go, than a pick can wait."""

from typing import TypeVar

ShardT = TypeVar("ShardT")


class Shards(list[ShardT]):
    """Mappings, of which each key has one."""

    def of(self, key: str) -> ShardT:
        """Return the mapping of a key."""
        return self[hash(key) % len(self)]
