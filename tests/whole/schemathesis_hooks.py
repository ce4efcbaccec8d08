"""A check for Schemathesis: a problem's code and status, which its schema leaves open."""

from typing import Any

import schemathesis


@schemathesis.check
def problem_is_described(_context: Any, response: Any, case: Any) -> None:
    described = case.operation.definition.raw["responses"].get(str(response.status_code))
    if described and "application/problem+json" in response.headers.get("content-type", ()):
        problem = response.json()
        assert problem["status"] == response.status_code
        assert f"`{problem['code']}`: " in described["description"]
