"""The errors that CCC and the gateway before it answer with: code, HTTP status and message.

The emulator's own side of the wire. What the service makes of such answers is in `service.errors`.
Sources: the API pages of ListPhoneNumbers and PickOutboundNumbers for `Parameter.*` and
`NotExists.*`; Alibaba Cloud's common error tables and public issues for the rest. Where tables
differ (an unknown key is 404 in one, 400 in another), the older one is followed.
"""

from http import HTTPStatus

_BAD, _DENIED, _ABSENT = HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND

_CATALOGUE: dict[str, tuple[HTTPStatus, str]] = {
    "Parameter.Empty": (_BAD, "The parameter {} may not be null or empty."),
    "Parameter.Enumeration": (_BAD, "The parameter {} must be one of the value of enumeration {}."),
    "Parameter.Maximum": (_BAD, "The parameter {} must be less than or equal to {}."),
    "Parameter.Minimum": (_BAD, "The parameter {} must be greater than or equal to {}."),
    "Parameter.Null": (_BAD, "The parameter {} may not be null."),
    "NotExists.InstanceId": (_ABSENT, "The specified instance {} does not exist."),
    "InvalidParameter": (_BAD, 'The specified parameter "{}" is not valid.'),
    "MissingParameter": (
        _BAD,
        'The input parameter "{}" that is mandatory for processing this request is not supplied.',
    ),
    "InvalidVersion": (_BAD, "Specified parameter Version is not valid."),
    "InvalidAction.NotFound": (
        _ABSENT,
        "Specified api is not found, please check your url and method.",
    ),
    "InvalidAccessKeyId.NotFound": (_ABSENT, "Specified access key is not found."),
    "InvalidSecurityToken.MismatchWithAccessKey": (
        _BAD,
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    "InvalidTimeStamp.Expired": (_BAD, "Specified time stamp or date value is expired."),
    "InvalidTimeStamp.Format": (_BAD, "Specified time stamp or date value is not well formatted."),
    "SignatureNonceUsed": (_BAD, "Specified signature nonce was used already."),
    "IncompleteSignature": (
        _BAD,
        "The request signature does not conform to Alibaba Cloud standards.",
    ),
    "SignatureDoesNotMatch": (_BAD, "{}"),
    "Throttling.User": (_BAD, "Request was denied due to user flow control."),
    "Forbidden.RAM": (
        _DENIED,
        "User not authorized to operate on the specified resource.",
    ),
    "InternalError": (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The request processing has failed due to some unknown error.",
    ),
    "ServiceUnavailable": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The request has failed due to a temporary failure of the server.",
    ),
}


class Refusal(Exception):
    """An answer that is an error: `code` and its message's values, as the catalogue words them."""

    def __init__(self, code: str, *values: object) -> None:
        self.status, template = _CATALOGUE[code]
        self.code = code
        self.message = template.format(*values)
        super().__init__(f"{code}: {self.message}")

    @property
    def is_throttling(self) -> bool:
        """True if flow control refused the call."""
        return self.code.startswith("Throttling")
