"""What is wrong with a list of numbers, told before anything is sent to CCC. Pure."""

from collections.abc import Sequence

from service.errors import InvalidField
from service.logs import mask
from service.picking.naming import own_number

# A list of these many is in within a minute at the usual limit of requests, one call after the
# other, and fits into a request's body whatever the numbers look like.
MOST_NUMBERS = 1000


def checked(numbers: Sequence[str], usage: str) -> tuple[str, ...]:
    """The canonical forms of the numbers that are to be added, in their order.

    Args:
        numbers: as given.
        usage: Inbound is the only one that CCC takes for a 400 number.

    Raises:
        InvalidField: none or too many are given, one is masked or no number, one is there twice,
            or one is a 400 number for another usage. It names the place and shows no number.
    """
    if not numbers:
        raise InvalidField("numbers", "is empty; name at least one number")
    if len(numbers) > MOST_NUMBERS:
        raise InvalidField("numbers", f"has more than {MOST_NUMBERS}; add them in several requests")
    places: dict[str, int] = {}
    for place, given in enumerate(numbers):
        field = f"numbers[{place}]"
        number = own_number(field, given)
        if (first := places.setdefault(number, place)) != place:
            raise InvalidField(field, f"{mask(number)} is there already, as numbers[{first}]")
        if number.startswith("400") and usage != "Inbound":
            raise InvalidField(field, f"{mask(number)} is a 400 number: add it for Inbound alone")
    return tuple(places)
