"""From a number to its one canonical form and the place it belongs to.

For callees as a client dials them and for our own numbers as CCC lists them. Not for choosing
among numbers, and not for finding out what the table lacks: that is asked of CCC elsewhere and
told here by `Locator.learn`. `prefix_table` reads the table's bytes; all else is pure.
"""

from service.locality.locator import Callee, Locator
from service.locality.names import normal_city, normal_province
from service.locality.number import (
    canonical_number,
    is_same_number,
    restore_number,
    root_of,
)
from service.locality.table import Locality

__all__ = [
    "Callee",
    "Locality",
    "Locator",
    "canonical_number",
    "is_same_number",
    "normal_city",
    "normal_province",
    "restore_number",
    "root_of",
]
