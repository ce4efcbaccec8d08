"""The taxonomy of everything that can go wrong, in one place.

Foreign exceptions are translated into these where they enter; nothing here knows HTTP or Redis.
Each message says what to do, and none carries an unmasked phone number.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

LONGEST_REQUEST_ID = 64  # characters of CCC's; a UUID has 36
NO_CREDENTIALS = (
    "no credentials for Alibaba Cloud: set ALIBABA_CLOUD_ACCESS_KEY_ID and "
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET, or another source of its chain (an OIDC role, a profile, an "
    "ECS RAM role, ALIBABA_CLOUD_CREDENTIALS_URI), or the instance's ccc.access_key_id"
)


class CallerIdError(Exception):
    """The root: `code` is the name that a client sees, the message its detail.

    A class passes its code on to its subclasses; the first below the root that sets none has its
    own name as its code.
    """

    code: ClassVar[str] = "InternalError"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.code == CallerIdError.code and "code" not in vars(cls):
            cls.code = cls.__name__

    @property
    def detail(self) -> str:
        """The message, for people."""
        return str(self)


class RequestError(CallerIdError):
    """The request cannot be answered as it stands; asking again unchanged will not help."""

    code = CallerIdError.code


class MalformedRequest(RequestError):
    """The body is not what its media type says."""


class InvalidField(RequestError):
    """A field has the wrong type or value."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


class InvalidCalledNumber(InvalidField):
    """The called number is not one that can be dialled."""

    code = "InvalidCalledNumber"

    def __init__(self, why: str) -> None:
        super().__init__("called_number", why)


class UnknownInstance(RequestError):
    """No such instance is configured."""


class UnknownCall(RequestError):
    """An outcome is about a call that nobody picked for, or that is forgotten."""


class UnknownNumber(RequestError):
    """The number is none of the instance's, or is not in the state that is to end."""


class CallIdReused(RequestError):
    """Another request was answered under the same `call_id`."""


class Unauthenticated(RequestError):
    """No credential, or an unknown one."""


class ClaimRefused(Unauthenticated):
    """A signature is not that of who it names; `ccc_code` with `values` says why."""

    def __init__(self, ccc_code: str, *values: str) -> None:
        super().__init__(f"The request's signature was refused: {ccc_code}")
        self.ccc_code = ccc_code
        self.values = values


class Forbidden(RequestError):
    """The credential lacks the scope, or a web page of another site asks where nobody needs one."""


class RequestTimeout(RequestError):
    """The body did not arrive in time."""


class RequestTooLarge(RequestError):
    """The body is larger than a request can be."""


class UnsupportedMediaType(RequestError):
    """The body is neither JSON nor a form, or is compressed."""


class NoEligibleNumber(CallerIdError):
    """Every number was out, and `reasons` counts why; or there is none, and `detail` says why.

    `explanation` has the candidates that were looked at, `hints` are sentences beside the counts.
    """

    def __init__(
        self, reasons: Mapping[str, int], explanation: Sequence[Any] = (), hints: Sequence[str] = ()
    ) -> None:
        counts = ", ".join(f"{reason}: {count}" for reason, count in sorted(reasons.items()))
        now = f" now ({counts})" if counts else ""
        super().__init__(" ".join((f"No number can be shown to this callee{now}.", *hints)))
        self.reasons = dict(reasons)
        self.explanation = tuple(explanation)


class Unavailable(CallerIdError):
    """It may work later; `retry_after` says in how many seconds."""

    code = CallerIdError.code

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class OutsideCallingWindow(Unavailable):
    """The instance does not call at this hour; `opens_at` and `Retry-After` say when it does."""

    def __init__(self, opens_at: str, retry_after: float) -> None:
        text = f"Calling is not allowed at this hour; ask again from {opens_at}"
        super().__init__(text, retry_after)
        self.opens_at = opens_at


class Overloaded(Unavailable):
    """More picks are in flight than this process takes."""


class InventoryUnavailable(Unavailable):
    """No inventory of this instance has been accepted yet, or a sweep failed."""

    @classmethod
    def of(cls, instance_id: str, last_sweep: str) -> Self:
        """Return the error for an instance whose first inventory is still to come.

        Args:
            instance_id: whose.
            last_sweep: the last sweep's detail.
        """
        what = "its numbers are being read; ask again shortly"
        if last_sweep:
            what = "no sweep of CCC's list has succeeded: GET /v1/inventory and the log say why"
        if NO_CREDENTIALS in last_sweep:
            what = NO_CREDENTIALS
        return cls(f"No inventory of {instance_id} has been accepted yet; {what}")


class CalleeBudgetExceeded(Unavailable):
    """This callee is stopped, or has been called as often as the rules allow."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            "This callee is stopped, or has been called as often as the rules allow", retry_after
        )


class LedgerUnavailable(Unavailable):
    """Redis does not serve, and this cannot be done without it: ask again."""

    @property
    def detail(self) -> str:
        """Redis's words alone would not tell a client what to do."""
        return f"Redis does not serve now, and this cannot be done without it: ask again ({self})"


class LedgerWiped(LedgerUnavailable):
    """The shared ledger answers and has forgotten its pools; its members must be written again."""


class StaleLeader(CallerIdError):
    """Another replica has led since: what this one was about to write must not be written."""


class SweepFailed(CallerIdError):
    """The sweep did not yield a whole inventory; the last good one stays.

    `unreadable` are the rows that it set aside, where they are known.
    """

    def __init__(self, detail: str, unreadable: Sequence[Any] | None = None) -> None:
        super().__init__(detail)
        self.unreadable = unreadable


class CccError(CallerIdError):
    """Alibaba Cloud CCC did not do what was asked; `ccc_code` names it as the wire does."""

    code = CallerIdError.code
    may_have_happened: ClassVar[bool] = False

    def __init__(self, code: str, message: str, *, status: int = 0, request_id: str = "") -> None:
        request_id = request_id[:LONGEST_REQUEST_ID]
        super().__init__(f"{code}: {message}" + (f" (request {request_id})" if request_id else ""))
        self.ccc_code = code
        self.status = status
        self.request_id = request_id


class CccRefused(CccError):
    """A refusal that repeating would not change: parameters, permissions, signature."""


class CccThrottled(CccError):
    """The account's flow control refused the call; it did not happen."""


class CccUnavailable(CccError):
    """No usable answer: a timeout, a broken connection, a 5xx. The call may have happened."""

    may_have_happened = True


class CccUnreachable(CccUnavailable):
    """No connection could be made: the call did not happen."""

    may_have_happened = False


class CccMalformed(CccError):
    """An answer that is not one: no JSON, or without the parts that the action promises."""

    may_have_happened = True


class SettingsError(CallerIdError):
    """The configuration is wrong; `faults` has one line each, naming the file and the key."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
