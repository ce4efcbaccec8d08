"""The record of uses: the port, the shared ledger in Redis and the local one in this process.

`port` says what is asked and answered, `rules` under which rules. `shared` asks Redis, where `lua/`
decides; `local` decides in this process, file by file as `lua/` does. `failover` joins the two,
`write_back` tells Redis what was decided without it.
"""

from service.ledger.answers import Decision, Followed, Picked, Standing
from service.ledger.failover import NO_MEMBERS, FailoverLedger
from service.ledger.local.ledger import LocalLedger
from service.ledger.port import Avoid, Cap, Outcome, Park, Pick, Stop, Take, Unpark
from service.ledger.protocol import Ledger, apply_all, describe
from service.ledger.rules import CalleeRule, Limits, Rules, read_trunks, with_trunks
from service.ledger.shared.breaker import Breaker
from service.ledger.shared.ledger import SharedLedger
from service.ledger.shared.membership import MembersWriter

__all__ = [
    "NO_MEMBERS",
    "Avoid",
    "Breaker",
    "CalleeRule",
    "Cap",
    "Decision",
    "FailoverLedger",
    "Followed",
    "Ledger",
    "Limits",
    "LocalLedger",
    "MembersWriter",
    "Outcome",
    "Park",
    "Pick",
    "Picked",
    "Rules",
    "SharedLedger",
    "Standing",
    "Stop",
    "Take",
    "Unpark",
    "apply_all",
    "describe",
    "read_trunks",
    "with_trunks",
]
