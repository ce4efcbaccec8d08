"""Who was used when: the port, the shared ledger in Redis and the one in this process."""

from service.ledger.breaker import Breaker
from service.ledger.failover import FailoverLedger
from service.ledger.membership import MembersWriter
from service.ledger.memory import MemoryLedger
from service.ledger.port import (
    Avoid,
    Cap,
    Decision,
    Followed,
    Outcome,
    Park,
    Pick,
    Picked,
    Standing,
    Stop,
    Take,
    Unpark,
)
from service.ledger.protocol import Ledger
from service.ledger.redis_ledger import RedisLedger
from service.ledger.rules import CalleeRule, Limits, Rules, with_trunks

__all__ = [
    "Avoid",
    "Breaker",
    "CalleeRule",
    "Cap",
    "Decision",
    "FailoverLedger",
    "Followed",
    "Ledger",
    "Limits",
    "MembersWriter",
    "MemoryLedger",
    "Outcome",
    "Park",
    "Pick",
    "Picked",
    "RedisLedger",
    "Rules",
    "Standing",
    "Stop",
    "Take",
    "Unpark",
    "with_trunks",
]
