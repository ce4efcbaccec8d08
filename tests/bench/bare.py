"""What a pick is measured against: aiohttp decoding the same body and returning a constant."""

import argparse

import msgspec
import uvloop
from aiohttp import web

from service.picking import PickRequest

# As long as the service's answer to the same question.
ANSWER = (
    b'{"request_id":"6f1c2c9d0c6f4b6f8a5c0b6a3a1d2e4f","source":"redis","data":[{"caller":{'
    b'"number":"02855500001","province":"\xe5\x9b\x9b\xe5\xb7\x9d","city":"\xe6\x88\x90\xe9\x83'
    b'\xbd"},"callee":{"number":"13880001234","province":"\xe5\x9b\x9b\xe5\xb7\x9d","city":'
    b'"\xe6\x88\x90\xe9\x83\xbd"},"match":"city"}]}'
)


async def answer(request: web.Request) -> web.Response:
    msgspec.json.decode(await request.read(), type=PickRequest)
    return web.Response(body=ANSWER, content_type="application/json")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    app = web.Application()
    app.router.add_post("/v1/pick", answer)
    web.run_app(
        app,
        host="127.0.0.1",
        port=parser.parse_args().port,
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
