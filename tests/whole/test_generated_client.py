"""A client that openapi-python-client generates from the document, against the whole service."""

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from msgspec.structs import replace

from service.api.openapi import encoded
from service.api.routes import ROUTES
from service.emulator import running
from service.settings import Auth, Client, Secret
from tests.whole.services import (
    CHENGDU_MOBILE,
    SALES,
    chengdu_numbers,
    emulator_of,
    settings_for,
    started,
)

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

NAME = "generated_client"
TOKEN = "a-token"
OPERATOR = Client(name="operator", token=Secret(TOKEN), scopes=("pick", "admin"))
NUMBER = "02855500000"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    directory = tmp_path_factory.mktemp("generated")
    document, config = directory / "openapi.json", directory / "config.json"
    document.write_bytes(encoded(ROUTES, auth_is_required=True))
    config.write_text('{"post_hooks": []}')  # its formatter need not be on PATH
    options = {"path": document, "config": config, "output-path": directory / NAME, "meta": "none"}
    run = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"),
            *(f"--{name}={value}" for name, value in options.items()),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(directory)
        yield importlib.import_module(NAME)


def test_each_module_of_the_client_can_be_imported(generated: ModuleType) -> None:
    modules = [each.name for each in pkgutil.walk_packages(generated.__path__, f"{NAME}.")]
    for name in modules:
        importlib.import_module(name)
    assert {f"{NAME}.api.{tag}" for tag in ("picks", "numbers", "operations")} < set(modules)


async def test_the_client_picks_tells_an_outcome_parks_and_meets_a_typed_refusal(
    generated: ModuleType,
) -> None:
    models = importlib.import_module(f"{NAME}.models")
    pick = models.PickRequest(CHENGDU_MOBILE, skill_group_ids=[SALES], call_id="call-1")
    async with running(emulator_of(chengdu_numbers(1))) as address:
        settings = settings_for(f"http://{address}")
        settings = replace(settings, auth=Auth(required="always", clients=(OPERATOR,)))
        async with (
            started(settings) as service,
            generated.AuthenticatedClient(service.url, TOKEN) as client,
        ):
            answer = await called("picks.pick_post", client, body=pick)
            report = models.OutcomeReport(models.OutcomeReportResult.ANSWERED, call_id="call-1")
            outcome = await called("picks.outcomes_post", client, body=report)
            park = models.ParkRequest(seconds=60, reason="complaints")
            parked = await called("numbers.parking_park", client, number=NUMBER, body=park)
            page = await called("numbers.numbers_get", client, page_size=10)
            pick.call_id = "call-2"
            refusal = await called("picks.pick_post", client, body=pick)
    assert isinstance(answer, models.PickResponse)
    assert [(pair.caller.number, pair.match) for pair in answer.data] == [(NUMBER, "city")]
    assert isinstance(outcome, models.OutcomeReply)
    assert isinstance(parked, models.ParkReply)
    assert (parked.number, parked.reason) == (NUMBER, "complaints")
    assert [(entry.number, entry.parked) for entry in page.data] == [(NUMBER, [parked.parked])]
    assert isinstance(refusal, models.Problem)
    assert (refusal.status, refusal.code) == (409, models.ProblemCode.NOELIGIBLENUMBER)
    assert refusal.reasons.additional_properties == {"parked": 1}


async def called(operation: str, client: object, **arguments: Any) -> Any:
    """Call an operation of the generated client."""
    module = importlib.import_module(f"{NAME}.api.{operation}")
    return await module.asyncio(client=client, **arguments)
