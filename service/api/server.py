"""How aiohttp is to serve: its limits, measured where its defaults would hurt."""

from aiohttp import web

# The RPC door has its parameters in the query: 16 skill groups of 256 characters, three signs to
# each when escaped, are 12 KiB, and a security token another 2 to 4.
MAX_LINE_BYTES = 16_384
# The longest header is the same security token.
MAX_HEADER_BYTES = 8_190


def make_runner(app: web.Application) -> web.AppRunner:
    """A runner with these limits; it opens no port.

    `keepalive_timeout` is the one limit on headers that trickle (its default is an hour), and
    `lingering_time` what a refused body may go on for.
    """
    return web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        handler_cancellation=False,
        keepalive_timeout=15,
        lingering_time=1,
        max_field_size=MAX_HEADER_BYTES,
        max_line_size=MAX_LINE_BYTES,
        shutdown_timeout=5,
    )
