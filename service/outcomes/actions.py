"""Perform what SIP codes ask for: parks, stops, avoided regions, a whole provider at rest.

What is to be done is decided in `sip`; when the ledger is out of reach, `waiting` asks again.
"""

import asyncio
import itertools

from service.errors import LedgerUnavailable
from service.ledger import Park, apply_all
from service.outcomes.sip import Action, RestProvider, parks_for
from service.picking.instance import Instance
from service.picking.notes import Note

# A provider at its capacity fails many calls at once; resting it again within this changes nothing.
SAME_REST_MS = 1000
SCANNED = 1000  # numbers looked at in one go, under a ms


class SipActions:
    """Performs actions; one that is performed twice does nothing more."""

    def __init__(self) -> None:
        self._rested: dict[tuple[str, str], int] = {}

    async def perform(self, instance: Instance, action: Action, code: int) -> None:
        """Perform an action in an instance's ledger; of a park the note has the SIP code.

        Raises:
            LedgerUnavailable: it is not done, or in part.
        """
        match action:
            case RestProvider():
                await self._rest(instance, action)
            case Park():
                await instance.ledger.apply(action)
                note = Note(action.until, words=f"SIP {code}")
                await instance.notes.keep([action], note, instance.now())
            case _:
                await instance.ledger.apply(action)

    async def _rest(self, instance: Instance, rest: RestProvider) -> None:
        key = instance.instance_id, rest.provider
        inventory = instance.keeper.inventory
        if inventory is None or rest.until < self._rested.get(key, 0) + SAME_REST_MS:
            return
        self._rested[key] = rest.until
        candidates = (inventory.numbers[number] for number in inventory.homes())
        try:
            while some := list(itertools.islice(candidates, SCANNED)):
                await apply_all(instance.ledger, parks_for(rest, some))
                await asyncio.sleep(0)  # picks go on also where none of many was to be parked
        except LedgerUnavailable:
            self._rested.pop(key, None)  # perhaps begun again meanwhile
            raise
