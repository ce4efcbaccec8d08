"""What the tests of the RPC door share: credentials, and requests that are signed by hand.

By hand, for what an SDK does not let one do: replay, backdate, leave out, sign and then change.
"""

import hashlib
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote_plus, urlencode

import msgspec

from service.ccc import signing
from service.ccc.additions import NumberDetails
from service.inventory import Details
from service.provisioning import Addition
from service.settings import AccessKeySettings, Secret
from tests.http.http_fixtures import (
    CALLED,
    FORM,
    GROUP,
    Answer,
    Service,
    ask,
    client_with,
    settings_with,
)

KEY = AccessKeySettings(id="test-key", secret=Secret("test-secret"), scopes=("pick", "admin"))
DIALER = AccessKeySettings(id="dialer-key", secret=Secret("dialer-secret"), scopes=("pick",))
METER = AccessKeySettings(id="meter-key", secret=Secret("meter-secret"), scopes=("metrics",))
BOUND = AccessKeySettings(
    id="bound-key", secret=Secret("bound-secret"), scopes=("pick", "admin"), instances=("other",)
)
STS = AccessKeySettings(
    id="STS.key",
    secret=Secret("sts-secret"),
    scopes=("pick", "admin"),
    security_token=Secret("token+with/slash=="),
)
KEYS = (KEY, DIALER, METER, BOUND, STS)
STRANGER = AccessKeySettings(id="stranger", secret=Secret("test-secret"), scopes=("pick",))

Scheme = Literal["acs3", "rpc_v1"]
Place = Literal["query", "form"]

VERSIONS = {"AddBulkPhoneNumbers": "2017-07-05"}
PARAMS: dict[str, dict[str, str]] = {
    "PickOutboundNumbers": {
        "InstanceId": "ccc-test",
        "CalledNumber": CALLED,
        "SkillGroupIdList": f'["{GROUP}"]',
        "Count": "2",
    },
    "ListPhoneNumbers": {
        "InstanceId": "ccc-test",
        "PageNumber": "1",
        "PageSize": "100",
        "SearchPattern": "",
    },
    "AddPhoneNumbers": {
        "InstanceId": "ccc-test",
        "Usage": "Bidirection",
        "NumberList": '["01055510001", "01055510009"]',
        "ContactFlowId": "dDMD_0mif4hv",
    },
    "AddBulkPhoneNumbers": {
        "InstanceId": "ccc-test",
        "Usage": "Outbound",
        "PhoneNumber.1": "02160664651",
        "PhoneNumber.2": "02160664659",
        "PhoneNumber.3": "02160664658",
        "PhoneNumber.4": "02160664657",
        "SkillGroupId.1": GROUP,
    },
}
ACTIONS = tuple(PARAMS)


class How(msgspec.Struct):
    """How a call is made: `system` goes before what its system parts would be, None leaves out."""

    method: str = "POST"
    place: Place = "query"
    key: AccessKeySettings = KEY
    system: Mapping[str, str | None] = {}


class Sent(msgspec.Struct):
    """A request as it goes out."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


def guarded_service(*instances: str) -> Service:
    """A service before which everybody must say who asks, by the time of day."""
    settings = settings_with(
        *(instances or ("ccc-test", "other")),
        clients=(client_with("dialer", "pick"), client_with("operator", "pick", "admin")),
        keys=KEYS,
        required="always",
    )
    service = Service(settings)
    service.clock = time.time
    service.provisioner.addition = Addition(added=("01055510001",), failed=("01055510009",))
    service.provisioner.bulk = Addition(
        added=("02160664651",),
        failed=("02160664659",),
        in_use=("02160664658",),
        in_arrears=("02160664657",),
        details=(details("02160664651"),),
    )
    return service


def details(number: str) -> NumberDetails:
    """What the bulk answer says of a number."""
    group = {"SkillGroupId": GROUP, "SkillGroupName": "预测试外呼技能组"}
    raw: dict[str, object] = {
        "PhoneNumberId": "1e636be9-7b45-4016-a0d4-fab6f2a1c88c",
        "Trunks": 3,
        "AllowOutbound": True,
        "Number": number,
        "SkillGroups": {"SkillGroup": [group]},
        "InstanceId": "ccc-test",
        "TestOnly": False,
        "Usage": "Bidirection",
        "RemainingTime": 0,
    }
    return NumberDetails(number, Details(trunks=3), raw)


def date(offset: float = 0) -> str:
    return datetime.fromtimestamp(time.time() + offset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def signed(
    service: Service,
    scheme: Scheme,
    action: str,
    params: Mapping[str, str] | None = None,
    **how: Any,
) -> Sent:
    """A call, signed; `how` are the fields of `How`."""
    sign = _acs3 if scheme == "acs3" else _rpc_v1
    given = PARAMS[action] if params is None else params
    return sign(service, action, given, How(**how))


def _acs3(service: Service, action: str, params: Mapping[str, str], how: How) -> Sent:
    body = urlencode(params).encode() if how.place == "form" else b""
    headers: dict[str, str | None] = {
        "host": service.address.removeprefix("http://"),
        "x-acs-action": action,
        "x-acs-version": VERSIONS.get(action, "2020-07-01"),
        "x-acs-date": date(),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
    }
    if how.place == "form":
        headers["content-type"] = FORM
    if how.key.security_token:
        headers |= {
            "x-acs-accesskey-id": how.key.id,
            "x-acs-security-token": how.key.security_token,
        }
    sent = {name: value for name, value in (headers | dict(how.system)).items() if value}
    query = {} if how.place == "form" else params
    request = signing.Acs3Request(how.method, "/", query, sent, hashlib.sha256(body).hexdigest())
    sent["Authorization"] = signing.acs3_authorization(request, how.key.id, how.key.secret)
    return Sent(how.method, f"/?{urlencode(query)}", body or None, sent)


def _rpc_v1(service: Service, action: str, params: Mapping[str, str], how: How) -> Sent:
    given: dict[str, str | None] = {
        "Action": action,
        "Version": VERSIONS.get(action, "2020-07-01"),
        "Format": "JSON",
        "AccessKeyId": how.key.id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "SignatureType": "",
        "Timestamp": date(),
        "SecurityToken": how.key.security_token or None,
        **how.system,
    }
    own = {name: value for name, value in given.items() if value is not None}
    text = signing.rpc_v1_string_to_sign(how.method, {**own, **params})
    own["Signature"] = signing.rpc_v1_signature(text, how.key.secret)
    if how.place == "query":
        return Sent(how.method, f"/?{urlencode({**own, **params})}", None, {})
    body = urlencode(params).encode()
    return Sent(how.method, f"/?{urlencode(own)}", body, {"Content-Type": FORM})


async def send(service: Service, sent: Sent) -> Answer:
    return await ask(service, sent.method, sent.path, sent.body, **sent.headers)


def changed(sent: Sent, before: str, after: str) -> Sent:
    """The request with a text in its URL, body or headers put in the place of another."""
    assert before in f"{sent.path} {(sent.body or b'').decode()} {sent.headers}"
    return Sent(
        sent.method,
        sent.path.replace(quote_plus(before), quote_plus(after)),
        sent.body and sent.body.replace(quote_plus(before).encode(), quote_plus(after).encode()),
        {name: value.replace(before, after) for name, value in sent.headers.items()},
    )
