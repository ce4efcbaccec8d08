"""Who was used when: the port, the shared ledger in Redis and the one in this process."""

from service.ledger.breaker import Breaker
from service.ledger.failover import FailoverLedger
from service.ledger.members import MembersWriter
from service.ledger.memory import MemoryLedger
from service.ledger.port import Decision, Ledger, Park, Pick, Return, Take, Unpark
from service.ledger.redis_ledger import RedisLedger

__all__ = [
    "Breaker",
    "Decision",
    "FailoverLedger",
    "Ledger",
    "MembersWriter",
    "MemoryLedger",
    "Park",
    "Pick",
    "RedisLedger",
    "Return",
    "Take",
    "Unpark",
]
