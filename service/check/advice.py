"""What an operator can do about a refusal of CCC, by the beginning of its code. Pure."""

from service.errors import CccError

GRANT = "grant it to the key's RAM user or role, as deploy/ram-policy.json does"

# Codes of CCC and of the gateway before it; the last four are our client's own.
_ADVICE = {
    "Forbidden": GRANT,
    "NoPermission": GRANT,
    "InvalidAccessKeyId": "there is no such key, or it is disabled: correct the access key's id",
    "InvalidCredentials": "",  # its message says it all
    "InvalidSecurityToken": "the STS token is expired or another key's: renew all three together",
    "SignatureDoesNotMatch": "the secret is not this key's: copy it anew, without spaces",
    "IncompleteSignature": "something between here and CCC changes the request: look at the proxy",
    "InvalidTimeStamp": "set this machine's clock by NTP",
    "NotExists.InstanceId": "the key's account has no such instance: correct the id in "
    "[[instances]], or give the instance the credentials of its own account",
    "Throttling": "the account's calls are used up, by other programs too: check again later, or "
    "lower ccc.max_requests_per_second",
    "InvalidAction": "this endpoint does not know the action: correct ccc.endpoint",
    "InvalidVersion": "this endpoint does not know the action: correct ccc.endpoint",
    "InternalError": "CCC itself is in trouble: check again later",
    "ServiceUnavailable": "CCC itself is in trouble: check again later",
    "HTTP": "what answers is not CCC: correct ccc.endpoint, or look at the proxy between",
    "Malformed": "what answers is not CCC: correct ccc.endpoint, or look at the proxy between",
    "Timeout": "look at the firewall and the proxy between, or raise ccc.timeout_ms",
    "Connection": "look at the firewall and the proxy between",
}


def advice_about(error: CccError) -> str:
    """What to do about an error; "" where its own words say it, or nobody knows."""
    found = (advice for code, advice in _ADVICE.items() if error.ccc_code.startswith(code))
    return next(found, "")


def told(error: CccError) -> str:
    """An error and what to do about it, in one line."""
    advice = advice_about(error)
    text = " ".join(str(error).split())
    return f"{text}; {advice}" if advice else text
