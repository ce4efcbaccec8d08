"""What the tests of the dialers have in common: a service with rules that calls meet."""

from service.settings import CalleeLimits, CalleeRuleSettings, CallerLimits, Selection
from tests.whole.services import Running

ONE_CALL_EACH = Selection(caller=CallerLimits(max_concurrent=1))
ONE_PER_CALLEE = Selection(
    callee=CalleeLimits(rules=(CalleeRuleSettings(limit=1, window_seconds=300, kind="sliding"),))
)


def told(service: Running, result: str) -> float:
    """How many calls came to this result."""
    registry = service.service.metrics.registry
    labels = {"instance": "ccc-test", "match": "city", "result": result}
    return registry.get_sample_value("callerid_outcomes_total", labels) or 0
