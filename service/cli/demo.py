"""The service with a CCC look-alike behind it, for a first look: no configuration, no Redis."""

from argparse import Namespace
from collections.abc import Mapping

import msgspec

from service.cli.serve import serve
from service.emulator import running
from service.emulator.command import DEMO_KEY_ID, DEMO_KEY_SECRET, demo_emulator
from service.settings import CccSettings, InstanceCcc, InstanceSettings, Secret, Server, Settings

INSTANCE_ID = "ccc-test"
GROUP = "sales@ccc-test"
CURL = "curl -sw '\\n'"
GROUPS = {"skill_group_ids": [GROUP]}
PICKS = (
    ("a mobile in Chengdu", {"called_number": "13880001234", **GROUPS}),
    ("a landline in Shenzhen", {"called_number": "0755-86001234", **GROUPS}),
    (
        "why these two, and not others; nothing is recorded",
        {"called_number": "13880001234", **GROUPS, "count": 2, "explain": True, "dry_run": True},
    ),
)
ADDED = {"numbers": ["13880009001"], "usage": "Outbound", **GROUPS}


def settings_for(port: int, endpoint: str) -> Settings:
    """The demo's configuration: the defaults, with the emulator in the place of CCC."""
    key = InstanceCcc(access_key_id=DEMO_KEY_ID, access_key_secret=Secret(DEMO_KEY_SECRET))
    return Settings(
        server=Server(port=port, drain_seconds=0),
        ccc=CccSettings(endpoint=endpoint),
        instances=(InstanceSettings(id=INSTANCE_ID, ccc=key),),
    )


async def run(arguments: Namespace) -> None:
    """Run both until SIGTERM or SIGINT.

    Raises:
        CannotListen: a port is taken.
    """
    emulator = demo_emulator()
    async with running(emulator, "127.0.0.1", arguments.emulator_port) as address:
        settings = settings_for(arguments.port, f"http://{address}")
        numbers = len(emulator.numbers[INSTANCE_ID])
        await serve(settings, ready=lambda url: print(welcome(url, f"http://{address}", numbers)))


def welcome(url: str, emulator_url: str, numbers: int) -> str:
    """Return commands for a person to paste, and what they will show."""
    picks = "\n".join(f"# {title}\n{_post(url, '/v1/pick', body)}" for title, body in PICKS)
    return f"""\
the service       {url}
its console       {url}/console
the CCC emulator  {emulator_url}, with {numbers} numbers
its access key    {DEMO_KEY_ID}, with the secret {DEMO_KEY_SECRET}

It listens. Paste in another terminal:

{picks}
# the caller number alone, as a dialplan wants it
curl -s '{url}/v1/pick?format=text' -d called_number=13880001234 -d skill_group_ids={GROUP}
# add a number to CCC: from now on it is picked from
{_post(url, "/v1/numbers/bulk", ADDED)}
# the inventory, the readiness, the metrics
{CURL} {url}/v1/inventory
{CURL} {url}/readyz
curl -s {url}/metrics | grep ^callerid_picks_total
# take CCC away: picks go on from the inventory; then give it back
{CURL} -X PUT {emulator_url}/_faults -d '{{"server_error": 503}}'
curl -s '{url}/v1/pick?format=text' -d called_number=13880001234 -d skill_group_ids={GROUP}
{CURL} -X PUT {emulator_url}/_faults -d '{{"server_error": 0}}'

Ctrl-C ends both."""


def _post(url: str, path: str, body: Mapping[str, object]) -> str:
    """A POST as a shell takes it."""
    head = f"{CURL} {url}{path} -H 'Content-Type: application/json'"
    return f"{head} \\\n  -d '{msgspec.json.encode(body).decode()}'"
