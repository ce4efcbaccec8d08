"""The use case: locate the callee, order the pools, ask the ledger, fall back, answer."""

from service.picking.instance import Instance
from service.picking.messages import Candidate, Pair, PickAnswer, PickRequest, PlacedNumber
from service.picking.picker import Picker

__all__ = ["Candidate", "Instance", "Pair", "PickAnswer", "PickRequest", "Picker", "PlacedNumber"]
