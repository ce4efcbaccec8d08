"""A refused call of the emulator: one of the errors in CCC's catalogue, or of its own switches."""

from service.ccc.catalogue import worded
from service.ccc.parameters import ParameterRefused
from service.errors import ClaimRefused, InvalidField


class Refusal(Exception):
    """An answer that is an error: `code` and its message's values, as the catalogue words them."""

    def __init__(self, code: str, *values: object) -> None:
        self.status, self.message = worded(code, *values)
        self.code = code
        super().__init__(f"{code}: {self.message}")

    @property
    def is_throttling(self) -> bool:
        """True if flow control refused the call."""
        return self.code.startswith("Throttling")


def refusal_of(error: InvalidField | ClaimRefused) -> Refusal:
    """Return the refusal of a parameter or of a signature."""
    if isinstance(error, ClaimRefused | ParameterRefused):
        return Refusal(error.ccc_code, *error.values)
    return Refusal("InvalidParameter", error.field)
