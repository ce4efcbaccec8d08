"""Requests of any kind from a seed: sound ones, odd values in a sound shape, damaged bytes.

What is secret in them comes from `SECRETS` and `CALLED`, so that a log can be searched for it.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from service.ccc import signing

INSTANCE = "ccc-test"
GROUPS = [f"{name}@{INSTANCE}" for name in ("sales", "support", "collections", "survey")]
TOKENS = {"dialer": "dialer-token-5d1f", "operator": "operator-token-8a2c"}
KEY_ID, KEY_SECRET = "LTAI5fuzzed", "access-key-secret-77e0"
STS_TOKEN = "security-token-41b9"
CALLED = [f"1388{last:07d}" for last in range(1_000_200, 1_000_400)]
ADDED = [f"0285559{last:04d}" for last in range(50)]
SECRETS = (*TOKENS.values(), KEY_SECRET, STS_TOKEN)

WHOLE, DAMAGED = True, False

# One stands where the field's own value would. None of them is what the field wants.
_ODD: tuple[Any, ...] = (
    *("", " ", "\x00", "\ud800", "１３８", "x" * 4000, "=1+1", "../..", "{x}:*", "a\r\nb: c"),
    *(None, True, False, 0, -1, 2**63, 1e308, [], {}, [[]], ["a"] * 300, {"a": {"b": []}}),
)
_TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded", "image/png", "")
_PATHS = ("/", "//", "/v1/pick/", "/v1", "/healthz", "/readyz", "/metrics", "/openapi.json")
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "get", "FUZZ")
_INSERTED = (b"\r\n", b"\n", b"\x00", b"\xff", b" ", b":", b"\r\n\r\n", b"Content-Length: 5\r\n")


class Request(msgspec.Struct, frozen=True):
    """The bytes of a request, and whether they are one whole request."""

    octets: bytes
    whole: bool
    signature: str = ""


class Requests:
    """Makes requests for ever; equal seeds make equal ones but for dates and nonces."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._calls = [f"call-{seed}-{number}" for number in range(50)]

    def __iter__(self) -> Iterator[Request]:
        kinds = {
            self._pick: 40,
            self._pick_form: 8,
            self._outcome: 14,
            self._numbers: 8,
            self._park: 6,
            self._rpc: 12,
            self._elsewhere: 4,
        }
        makers, weights = [*kinds], [*kinds.values()]
        while True:
            request = self._random.choices(makers, weights)[0]()
            yield self._damaged(request) if self._random.random() < 0.1 else request

    def _maybe(self, share: float) -> bool:
        return self._random.random() < share

    def _spoiled(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The same with, now and then, an odd value, a field more or a field less."""
        if self._maybe(0.25):
            fields[self._random.choice([*fields])] = self._random.choice(_ODD)
        if self._maybe(0.05):
            fields[self._random.choice(["extra", "", "called", "count"])] = self._random.choice(
                _ODD
            )
        if self._maybe(0.05):
            fields.pop(self._random.choice([*fields]))
        return fields

    def _called(self) -> str:
        called = self._random.choice(CALLED)
        written: list[Callable[[], str]] = [
            lambda: called,
            lambda: f"+86{called}",
            lambda: f"{called[:3]} {called[3:7]}-{called[7:]}",
            lambda: f"86-86{called}",
        ]
        return self._random.choices(written, [12, 2, 2, 1])[0]()

    def _question(self) -> dict[str, Any]:
        groups = self._random.sample(GROUPS, self._random.randint(1, 4))
        fields: dict[str, Any] = {"called_number": self._called(), "skill_group_ids": groups}
        more = {
            "instance_id": INSTANCE,
            "count": self._random.randint(1, 100),
            "call_id": self._random.choice(self._calls),
            "min_match": self._random.choice(["city", "area_code", "province", "any"]),
            "tags": ["M1"],
            "exclude": [self._random.choice(CALLED)],
            "agent_id": "agent@ccc-test",
            "dry_run": True,
            "explain": True,
        }
        return fields | {name: value for name, value in more.items() if self._maybe(0.15)}

    def _pick(self) -> Request:
        return self._json("POST", "/v1/pick", self._spoiled(self._question()), "dialer")

    def _pick_form(self) -> Request:
        fields = self._spoiled(self._question())
        body = urlencode(fields, doseq=True, errors="surrogatepass").encode()
        path = self._random.choice(["/v1/pick", "/v1/pick?format=text", "/v1/pick?format=odd"])
        return self._request("POST", path, body, {"Content-Type": _TYPES[2]}, "dialer")

    def _outcome(self) -> Request:
        fields = {
            "call_id": self._random.choice(self._calls),
            "result": self._random.choice(["ringing", "answered", "no_answer", "busy", "failed"]),
            "sip_code": self._random.choice([180, 200, 404, 486, 603, 700]),
            "talk_ms": self._random.randint(-5, 10**6),
        }
        if self._maybe(0.3):
            del fields["call_id"]
            fields |= {"caller_number": ADDED[0], "called_number": self._called()}
        return self._json("POST", "/v1/outcomes", self._spoiled(fields), "dialer")

    def _numbers(self) -> Request:
        query = self._spoiled(
            {
                "q": self._random.choice(["", "028", "成都", self._called()]),
                "page": self._random.randint(-1, 30),
                "page_size": self._random.choice([1, 20, 100, 101]),
                "province": self._random.choice(["四川", "nowhere"]),
                "state": self._random.choice(["available", "parked", "odd"]),
            }
        )
        shown = {name: value for name, value in query.items() if self._maybe(0.4)}
        path = self._random.choice(["/v1/numbers", "/v1/inventory"])
        target = f"{path}?{urlencode(shown, doseq=True, errors='surrogatepass')}"
        return self._request("GET", target, b"", {}, "operator")

    def _park(self) -> Request:
        number = self._random.choice([*ADDED, *CALLED, "０２８", "..", "%00", "x" * 300])
        path = f"/v1/numbers/{quote(number, safe='%')}/park"
        if self._maybe(0.4):
            return self._request("DELETE", path, b"", {}, "operator")
        fields = self._spoiled({"seconds": self._random.randint(-1, 90), "reason": "因为 fuzz"})
        return self._json("PUT", path, fields, "operator")

    def _rpc(self) -> Request:
        """A signed call of the door, by either scheme, in query or form."""
        params: dict[str, Any] = {
            "Action": "PickOutboundNumbers",
            "Version": "2020-07-01",
            "InstanceId": INSTANCE,
            "CalledNumber": self._called(),
            "SkillGroupIdList": msgspec.json.encode(self._random.sample(GROUPS, 2)).decode(),
            "Count": str(self._random.randint(-1, 5)),
        }
        if self._maybe(0.4):
            params |= {"Action": "ListPhoneNumbers", "PageNumber": "1", "PageSize": "20"}
        params = {name: str(value) for name, value in self._spoiled(params).items()}
        return self._by_acs3(params) if self._maybe(0.5) else self._by_rpc_v1(params)

    def _by_acs3(self, params: dict[str, str]) -> Request:
        action, version = params.pop("Action", ""), params.pop("Version", "")
        params = {name: value.encode(errors="replace").decode() for name, value in params.items()}
        headers = {
            "Host": "fuzz",
            "x-acs-action": _plain(action),
            "x-acs-version": _plain(version),
            "x-acs-date": _now(),
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-content-sha256": signing.EMPTY_SHA256,
            "x-acs-security-token": STS_TOKEN,
        }
        signed = signing.Acs3Request("POST", "/", params, headers)
        authorization = signing.acs3_authorization(signed, KEY_ID, KEY_SECRET)
        target = f"/?{signing.canonical_query(params)}"
        sent = headers | {"Authorization": authorization}
        signature = authorization.rpartition("=")[2]
        request = self._request("POST", target, b"", sent)
        return msgspec.structs.replace(request, signature=signature)

    def _by_rpc_v1(self, params: dict[str, str]) -> Request:
        params = {name: value.encode(errors="replace").decode() for name, value in params.items()}
        params |= {
            "AccessKeyId": KEY_ID,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": uuid.uuid4().hex,
            "Timestamp": _now(),
            "SecurityToken": STS_TOKEN,
            "Format": self._random.choice(["JSON", "XML"]),
        }
        method = self._random.choice(["GET", "POST"])
        string_to_sign = signing.rpc_v1_string_to_sign(method, params)
        signature = signing.rpc_v1_signature(string_to_sign, KEY_SECRET)
        form = urlencode(params | {"Signature": signature})
        if method == "GET":
            request = self._request("GET", f"/?{form}", b"", {})
        else:
            request = self._request("POST", "/", form.encode(), {"Content-Type": _TYPES[2]})
        return msgspec.structs.replace(request, signature=signature)

    def _elsewhere(self) -> Request:
        method, path = self._random.choice(_METHODS), self._random.choice(_PATHS)
        body = self._random.randbytes(self._random.randint(0, 40))
        headers = {"Content-Type": self._random.choice(_TYPES)}
        holder = self._random.choice(["dialer", "", "odd"])
        return self._request(method, path, body, headers, holder)

    def _json(self, method: str, path: str, fields: dict[str, Any], holder: str) -> Request:
        try:
            body = msgspec.json.encode(fields)
        except UnicodeEncodeError:  # a lone surrogate: as one that knows no better sends it
            body = b'{"called_number": "\\ud800"}'
        if self._maybe(0.03):
            bad = [b"", b"[]", b"nul", b"[" * 2000, body[:-1], b"\xef\xbb\xbf" + body]
            body = self._random.choice(bad)
        kind = "application/json" if self._maybe(0.97) else self._random.choice(_TYPES)
        return self._request(method, path, body, {"Content-Type": kind}, holder)

    def _request(
        self, method: str, target: str, body: bytes, headers: dict[str, str], holder: str = ""
    ) -> Request:
        named = {"Host": "fuzz"} | headers | {"Content-Length": str(len(body))}
        if holder:
            sent = TOKENS.get(holder, holder)
            named["Authorization"] = f"Bearer {sent}" if self._maybe(0.97) else sent
        if self._maybe(0.1):
            named["X-Request-Id"] = self._random.choice([uuid.uuid4().hex, "x" * 200, "é", ""])
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {named[name]}" for name in named)]
        head = "\r\n".join(lines).encode("utf-8", "replace")
        return Request(head + b"\r\n\r\n" + body, WHOLE)

    def _damaged(self, request: Request) -> Request:
        """Cut it, double a part of it, or put bytes in or over."""
        octets, at = request.octets, self._random.randrange(len(request.octets))
        until = min(len(octets), at + self._random.randint(1, 60))
        damaged = self._random.choice(
            [
                octets[:at],
                octets[:at] + octets[until:],
                octets[:until] + octets[at:],
                octets[:at] + self._random.choice(_INSERTED) + octets[at:],
                octets[:at] + self._random.randbytes(3) + octets[at + 3 :],
            ]
        )
        return msgspec.structs.replace(request, octets=damaged, whole=DAMAGED)


def _plain(text: str) -> str:
    """The text as a header may have it."""
    return "".join(sign for sign in text if sign.isascii() and sign.isprintable())[:1000].strip()


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
