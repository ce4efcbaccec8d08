"""The service with a CCC look-alike behind it, for a first look: no configuration, no Redis."""

from argparse import Namespace

from msgspec.structs import replace

from service import prefix_table
from service.app import serve
from service.ccc.emulator import running
from service.ccc.emulator.command import (
    DEMO_KEY_ID,
    DEMO_KEY_SECRET,
    demo_emulator,
    locate_with,
)
from service.locality import Locator
from service.settings import Ccc, Instance, InstanceCcc, Secret, Server, Settings

INSTANCE_ID = "ccc-test"
GROUP = "sales@ccc-test"
CALLEES = (
    ("a mobile in Chengdu", "13880001234"),
    ("a landline in Shenzhen", "0755-86001234"),
)


def settings_for(port: int, endpoint: str) -> Settings:
    """The demo's configuration: the defaults, with the emulator in the place of CCC."""
    key = InstanceCcc(access_key_id=DEMO_KEY_ID, access_key_secret=Secret(DEMO_KEY_SECRET))
    return replace(
        Settings(),
        server=Server(port=port, drain_seconds=0),
        ccc=Ccc(endpoint=endpoint),
        instances=(Instance(id=INSTANCE_ID, ccc=key),),
    )


async def run(arguments: Namespace) -> None:
    """Run both until SIGTERM or SIGINT.

    Raises:
        SettingsError: a port is out of its range.
        OSError: a port is taken.
    """
    emulator = demo_emulator(locate_with(Locator(prefix_table.read())))
    async with running(emulator, "127.0.0.1", arguments.emulator_port) as address:
        settings = settings_for(arguments.port, f"http://{address}")
        await serve(settings, ready=lambda url: print(welcome(url, f"http://{address}")))


def welcome(url: str, emulator_url: str) -> str:
    """What a person can paste, and what it will show."""
    picks = "\n".join(
        f"# {told}\n"
        f"curl -s {url}/v1/pick -H 'Content-Type: application/json' \\\n"
        f'  -d \'{{"called_number": "{number}", "skill_group_ids": ["{GROUP}"]}}\''
        for told, number in CALLEES
    )
    return f"""callerid listens on {url}, the CCC emulator on {emulator_url}. Paste:

{picks}
# the caller number alone, as a dialplan wants it
curl -s '{url}/v1/pick?format=text' -d called_number=13880001234 -d skill_group_ids={GROUP}
# the operator's page, in a browser
#   {url}/console
# the inventory, the readiness, the metrics
curl -s {url}/v1/inventory
curl -s {url}/readyz
curl -s {url}/metrics | grep ^callerid_picks_total
# take CCC away: picks go on from the inventory
curl -s -X PUT {emulator_url}/_faults -d '{{"throttle": true}}'

Ctrl-C ends both."""
