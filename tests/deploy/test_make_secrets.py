"""The command that makes every secret: all of them, for nobody else, and never over others."""

import json
import subprocess
import sys
from pathlib import Path

from deploy.make_secrets import made
from tests.deploy.prometheus import ROOT


def make(*words: str) -> int:
    command = [sys.executable, "-I", str(ROOT / "deploy/make_secrets.py"), *words]
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_the_secrets_are_kept_from_others_and_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    hook = "http://127.0.0.1:9/hook"
    assert make(str(folder), "--redis", "127.0.0.1:6380", "--alerts", hook) == 0
    assert folder.stat().st_mode & 0o777 == 0o700
    written = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert written.keys() == made().keys()
    assert written["redis-url"].endswith("@127.0.0.1:6380")
    assert {written[f"alerts-{severity}-url"] for severity in ("critical", "warning")} == {hook}
    assert make(str(folder)) == 1
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == written


def test_no_secret_is_made_twice_and_redis_is_told_none() -> None:
    first, second = made(sentinel=True), made(sentinel=True)
    tokens = [one["token"] for one in json.loads(first["clients.json"])]
    assert first["metrics-token"] in tokens
    secrets = [*tokens, *(first[name] for name in first if name.endswith(("-password", "-key")))]
    assert len({*secrets}) == len(secrets)
    exporters = {*json.loads(first["redis-exporter.json"]).values()}
    assert len(exporters) == 1
    assert not exporters & {*secrets}
    secrets += exporters
    addresses = {"alerts-critical-url", "alerts-warning-url"}  # an operator's to give
    for name in first.keys() - {"alibaba.ini"} - addresses:
        assert first[name] != second[name]
    assert not any(secret in first["users.acl"] for secret in secrets)
    assert "_SHA256" not in first["users.acl"]
