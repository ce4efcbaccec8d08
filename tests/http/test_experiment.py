"""`/v1/experiment` over HTTP: what it takes and how it says it."""

import msgspec

from service.api.examples import EXPERIMENT
from service.errors import LedgerUnavailable
from service.experiment.report import ExperimentReport
from tests.http.http_fixtures import Service, ask, serving


async def test_an_experiment_is_reported_for_an_instance() -> None:
    async with serving(Service()) as service:
        answer = await ask(service, "GET", "/v1/experiment?instance_id=ccc-test")
        assert answer.status == 200
        assert msgspec.json.decode(answer.body, type=ExperimentReport) == EXPERIMENT
        assert (await ask(service, "GET", "/v1/experiment?instance_id=no")).status == 404
        service.experiments["ccc-test"].error = LedgerUnavailable("Redis is down")
        assert (await ask(service, "GET", "/v1/experiment")).status == 503
