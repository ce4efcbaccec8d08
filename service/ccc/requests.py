"""A call as it goes out, signed as Alibaba's own SDK of its API version signs it, and when again.

2020-07-01 goes by ACS3 with all parameters in the query. 2017-07-05 goes by RPC v1 with the
system's parameters in the query and the action's own in a form. Pure: it neither waits nor asks.
"""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from service.ccc.credentials import AccessKey
from service.ccc.replies import CccReply, Failure
from service.ccc.signing import (
    EMPTY_SHA256,
    Acs3Request,
    acs3_authorization,
    canonical_query,
    rpc_v1_signature,
    rpc_v1_string_to_sign,
)
from service.errors import CccThrottled, CccUnavailable

Answer = TypeVar("Answer")

MAX_ATTEMPTS = 3
FIRST_PAUSE = 0.5


class Action(msgspec.Struct, Generic[Answer], frozen=True):
    """An action of CCC: its name on the wire, its decoder, and whether doing it twice is harmless.

    One that is not `repeatable` is made again only when CCC surely did nothing.
    """

    name: str
    decode: Callable[[CccReply], Answer]
    repeatable: bool = True
    version: str = "2020-07-01"


AnyAction: TypeAlias = Action[Any]


def given(params: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that are not empty."""
    return {name: value for name, value in params.items() if value}


def may_repeat(action: Action[Answer], failure: Failure) -> bool:
    """Tell whether asking again can help and can do no harm.

    Throttling, a 5xx and a broken connection pass; a refusal and a malformed answer do not.
    """
    if not isinstance(failure.error, CccThrottled | CccUnavailable):
        return False
    return action.repeatable or failure.surely_not_done


def pause_after(attempt: int, failure: Failure, randomness: random.Random) -> float:
    """Return the seconds before the attempt after this one (the first is 1).

    Anything up to 0.5 s, then 1 s, so that clients refused together do not come back together;
    on top of what CCC itself asked for.
    """
    return failure.retry_after + randomness.uniform(0, FIRST_PAUSE * 2 ** (attempt - 1))


BY_RPC_V1 = "2017-07-05"
_DATE = "%Y-%m-%dT%H:%M:%SZ"


class Stamp(msgspec.Struct, frozen=True):
    """The date (UTC) and nonce that make a request unique; a nonce is never repeated."""

    date: datetime
    nonce: str


class SignedRequest(msgspec.Struct, frozen=True):
    """A POST to `/`; the query is encoded already, the form empty where there is none."""

    query: str
    headers: Mapping[str, str]
    form: bytes = b""


def signed(
    action: AnyAction, params: Mapping[str, str], key: AccessKey, host: str, stamp: Stamp
) -> SignedRequest:
    """Sign a call of an action.

    Args:
        action: its name and its API version, which decides how it goes.
        params: the action's own parameters.
        key: signs.
        host: as the Host header has it.
        stamp: date and nonce.
    """
    if action.version == BY_RPC_V1:
        return _by_rpc_v1(action, params, key, host, stamp)
    return _by_acs3(action, params, key, host, stamp)


def _by_acs3(
    action: AnyAction, params: Mapping[str, str], key: AccessKey, host: str, stamp: Stamp
) -> SignedRequest:
    """Sign what the V3 signature page asks to sign: the host and every x-acs header."""
    headers = {
        "host": host,
        "x-acs-action": action.name,
        "x-acs-content-sha256": EMPTY_SHA256,
        "x-acs-date": stamp.date.strftime(_DATE),
        "x-acs-signature-nonce": stamp.nonce,
        "x-acs-version": action.version,
    }
    if key.security_token:
        headers["x-acs-accesskey-id"] = key.id
        headers["x-acs-security-token"] = key.security_token
    request = Acs3Request("POST", "/", params, headers)
    headers["authorization"] = acs3_authorization(request, key.id, key.secret)
    return SignedRequest(canonical_query(params), headers)


def _by_rpc_v1(
    action: AnyAction, params: Mapping[str, str], key: AccessKey, host: str, stamp: Stamp
) -> SignedRequest:
    """Sign query and form together; an action's own parameters are never named as the system's."""
    system = {
        "AccessKeyId": key.id,
        "Action": action.name,
        "Format": "json",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": stamp.nonce,
        "SignatureVersion": "1.0",
        "Timestamp": stamp.date.strftime(_DATE),
        "Version": action.version,
    }
    if key.security_token:
        system["SecurityToken"] = key.security_token
    text = rpc_v1_string_to_sign("POST", {**system, **params})
    system["Signature"] = rpc_v1_signature(text, key.secret)
    headers = {"host": host, "content-type": "application/x-www-form-urlencoded"}
    return SignedRequest(canonical_query(system), headers, canonical_query(params).encode())
