"""What stands in a ledger's keys for callees, calls and groups: keyed digests, never the number."""

from collections.abc import Iterable
from hashlib import blake2b

DIGEST_BYTES = 12


class Digests:
    """Makes the digests of one instance.

    Args:
        key: secret, the same on every replica, at most 64 bytes.
        instance_id: keeps calls and groups of instances apart that share a scope.
    """

    def __init__(self, key: bytes, instance_id: str) -> None:
        self._key = key
        self._instance_id = instance_id

    def callee(self, number: str) -> str:
        """A called number in its canonical form, the same for all instances of a scope."""
        return self._of(number)

    def call(self, call_id: str) -> str:
        """A client's idempotency key."""
        return self._of(f"call|{self._instance_id}|{call_id}")

    def groups(self, skill_group_ids: Iterable[str], agent_id: str) -> str:
        """A set of groups and an agent, whatever the order."""
        return self._of("|".join(("groups", self._instance_id, agent_id, *sorted(skill_group_ids))))

    def body(self, *deciding: object) -> str:
        """The fields of a request that decide, normalised by the caller."""
        return self._of(repr(deciding))

    def _of(self, text: str) -> str:
        return blake2b(text.encode(), digest_size=DIGEST_BYTES, key=self._key).hexdigest()
