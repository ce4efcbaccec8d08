"""A short attack by `make fuzz`, and a proof that each of its columns speaks."""

from pathlib import Path

import pytest

from tests.fuzz.attack import Findings, attack
from tests.fuzz.conversation import Tally
from tests.fuzz.leaks import leaks

# Thousands of steps: counting their lines triples their time, and other tests reach them too.
pytestmark = pytest.mark.no_cover


async def test_no_request_of_thousands_breaks_the_service_or_gets_a_secret_into_its_log(
    tmp_path: Path,
) -> None:
    findings = await attack(tmp_path, requests=3200, seed=7)
    assert findings.faults == []
    assert findings.tally.total == 3200
    assert findings.tally.read_share >= 0.3


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        (Findings(Tally(wrong=[b"GET /"]), [], still_serves=True), "1 met a 5xx, such as b'GET /'"),
        (Findings(Tally(hung=[b"GET /"]), [], still_serves=True), "1 hung, such as b'GET /'"),
        (
            Findings(Tally(unanswered=[b"GET /"]), [], still_serves=True),
            "1 got no answer, such as b'GET /'",
        ),
        (Findings(Tally(), ["a"], still_serves=True), "1 lines of the log leak, such as 'a'"),
        (Findings(Tally(), [], still_serves=False), "the service does not serve any more"),
    ],
)
def test_an_attack_says_what_it_found(findings: Findings, words: str) -> None:
    assert findings.faults == [words]


def test_a_line_of_a_log_leaks_by_what_it_says_in_clear() -> None:
    lines = [
        '{"message":"masked 138****1234"}',
        '{"message":"13800001234"}',
        "Traceback",
        '{"a":"s3"}',
    ]
    log = "\n".join(lines).encode()
    assert leaks(log, ["s3"], ["13800001234"]) == lines[1:]
