"""The operator's page, `/console`, and the data that it alone asks for, under `/v1/console`.

The page itself holds no data and needs no token, so that a browser can open it; each of its
requests carries one with the scope `admin`. The rest of what it shows and does goes through the
routes that everybody has: the numbers, their parks, the inventory, the readiness. Page and data
come together and change together, so the OpenAPI document does not have them.

The page is sent as one document with its styles and scripts in it, nothing from outside. Its policy
names the digest of each of them, so whatever else finds its way into the page does not run. Nothing
is cached: a new release brings its own page, whatever worker or replica answers.
"""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from aiohttp import web
from aiohttp.typedefs import Handler

from service.api.console import data
from service.api.envelope import answered

_NAMED = re.compile(r'<script src="(\S+)"></script>')
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def add_routes(app: web.Application) -> None:
    """Serve the page and its data."""
    app.router.add_get("/console", answered(_serve(*assembled())))
    app.router.add_get("/v1/console/overview", answered(data.overview))
    app.router.add_get("/v1/console/matching", answered(data.matching))
    app.router.add_get("/v1/console/picks", answered(data.picks))
    app.router.add_post("/v1/console/try", answered(data.try_pick))


def assembled() -> tuple[bytes, str]:
    """Put the page together from its files; returns it with the policy that goes with it."""
    text = _read("page.html").replace("<!-- styles -->", f"<style>{_read('page.css')}</style>")
    text = _NAMED.sub(lambda script: f"<script>{_read(script[1])}</script>", text)
    digests: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _INLINE.findall(text):
        digests[kind].append(f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'")
    policy = {
        "default-src": "'none'",
        "script-src": " ".join(digests["script"]),
        "style-src": " ".join(digests["style"]),
        "connect-src": "'self'",
        "img-src": "data:",  # its icon
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",  # no text ever becomes markup
    }
    return text.encode(), "; ".join(f"{name} {value}" for name, value in policy.items())


def _serve(page: bytes, policy: str) -> Handler:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }

    async def get(_request: web.Request) -> web.Response:
        return web.Response(body=page, headers=headers)

    return get


def _read(name: str) -> str:
    return files("service.api.console").joinpath(name).read_text("utf-8")
