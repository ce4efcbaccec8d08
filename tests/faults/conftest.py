"""What several tests of faults ask for."""

import pytest

from service.ledger import failover


@pytest.fixture
def _keeping_up_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process hear of the others, and of what they count, after a moment."""
    monkeypatch.setattr(failover, "KEEP_UP_SECONDS", 0.02)
    monkeypatch.setattr(failover, "KEEP_UP_PAUSES", 0)
    monkeypatch.setattr(failover, "PRESENCE_SECONDS", 0.02)
