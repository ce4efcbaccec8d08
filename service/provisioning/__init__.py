"""Put numbers into an instance, through CCC, and say what became of each.

HTTP's two doors ask this; it asks CCC (`service.ccc`) and then has the inventory refreshed
(`service.sync`). It knows nothing of HTTP here, and nothing of picks. This is what may be asked,
what is wrong with a list of numbers before anything is sent, and what is answered; `provisioner`
does it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from service.ccc.additions import NumberDetails
from service.ccc.parameters import Usage
from service.errors import CallerIdError, CccError, InvalidField
from service.locality import canonical_number
from service.logs import mask
from service.picking import Identifier, InstanceId, SkillGroupIds
from service.picking.instance import own_number

# A list of these many is in within a minute at the usual limit of requests, one call after the
# other, and fits into a request's body whatever the numbers look like.
MOST_NUMBERS = 1000


class AdditionRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a request to add numbers that both actions of CCC have."""

    numbers: Annotated[
        tuple[str, ...],
        Meta(description=f"The numbers to add, {MOST_NUMBERS} at most, each once."),
    ]
    usage: Annotated[
        Usage,
        Meta(description="For which direction of calls; a 400 number is for `Inbound` alone."),
    ]
    instance_id: InstanceId = ""
    contact_flow_id: Annotated[
        Identifier, Meta(description="The contact flow that incoming calls start.")
    ] = ""


class AddRequest(AdditionRequest, frozen=True, kw_only=True):
    """AddPhoneNumbers of CCC 2020-07-01: these numbers, for this usage."""

    number_group_id: Annotated[Identifier, Meta(description="The number group to add to.")] = ""


class BulkRequest(AdditionRequest, frozen=True, kw_only=True):
    """AddBulkPhoneNumbers of CCC 2017-07-05: these numbers, bound to these skill groups."""

    skill_group_ids: Annotated[
        SkillGroupIds, Meta(description="The skill groups to bind them to.")
    ] = ()


class Addition(Struct, frozen=True):
    """The fate of each number; together they are the numbers that were asked for.

    AddPhoneNumbers tells of no others than `added` and `failed`. `details` are of the numbers that
    the instance has now. `pending` are the added ones that the inventory lacks after the refresh:
    CCC does not list them yet, or the refresh failed. The next sweep that sees them lets them in.
    """

    added: tuple[str, ...]
    failed: tuple[str, ...]
    in_use: tuple[str, ...] = ()
    in_arrears: tuple[str, ...] = ()
    details: tuple[NumberDetails, ...] = ()
    pending: tuple[str, ...] = ()


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
        number = own_number(field, given, canonical_number)
        if (first := places.setdefault(number, place)) != place:
            raise InvalidField(field, f"{mask(number)} is given already, as numbers[{first}]")
        if number.startswith("400") and usage != "Inbound":
            raise InvalidField(field, f"{mask(number)} is a 400 number: add it for Inbound alone")
    return tuple(places)


class PartlyAdded(CallerIdError):
    """Adding numbers ended half-way, or its answer was lost.

    `added` are those that CCC has said it added, or lists by now. The calls for the numbers in
    `not_added` were refused whole or never made. Of those in `unknown` the answer was lost, and CCC
    does not list them yet. The others are as in an answer that is whole.

    Args:
        asked: all numbers, in the order of the request.
        fates: which of them ended how, by these names.
        cause: what ended it.
    """

    FATES = ("added", "failed", "in_use", "in_arrears", "unknown", "not_added")

    def __init__(
        self, asked: Sequence[str], fates: Mapping[str, Sequence[str]], cause: CccError
    ) -> None:
        told = ", ".join(f"{len(fates[fate])} {fate}" for fate in self.FATES if fates.get(fate))
        super().__init__(
            f"CCC did not do all of it: {told}. Ask again for those not added; look for unknown "
            f"ones in the inventory first. The cause: {cause}"
        )
        self.asked = tuple(asked)
        self.fates = {fate: tuple(numbers) for fate, numbers in fates.items() if numbers}
        self.cause = cause
