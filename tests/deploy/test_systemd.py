"""The unit: as systemd's own tools judge it, and naming nothing that is not there."""

import re
import subprocess
import sys
from pathlib import Path

from tests.deploy.deployed import SHUTDOWN_SECONDS, files_in, settings_of
from tests.deploy.prometheus import ROOT
from tests.programs import program

UNIT = ROOT / "deploy/systemd/callerid.service"
MOST_EXPOSED = 15  # in tenths: 1.5 of 10; a service that nothing confines has 9.6


def values(key: str) -> list[str]:
    """What the unit gives for a key, in order."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)


def analyzed(*words: str) -> None:
    """Have systemd-analyze look; it must have no objection."""
    done = subprocess.run(
        [program("systemd-analyze"), *words], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert b"callerid.service:" not in done.stderr, done.stderr.decode()


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    (command,) = values("ExecStart")
    installed = UNIT.read_text("utf-8").replace(command.split()[0], sys.executable)
    copy = tmp_path / UNIT.name
    copy.write_text(installed, "utf-8")
    analyzed("verify", "--man=no", str(copy))


def test_systemd_finds_little_that_the_unit_is_exposed_to() -> None:
    analyzed("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(UNIT))


def test_the_service_starts_with_what_the_unit_gives_it_and_has_time_to_drain(
    tmp_path: Path,
) -> None:
    (command,) = values("ExecStart")
    secrets = files_in(tmp_path)
    given = dict(each.split(":") for each in values("LoadCredential"))
    assert all(path == f"/etc/callerid/secrets/{name}" for name, path in given.items())
    files = {f"%d/{name}": secrets[name] for name in given}
    files["/etc/callerid/production.toml"] = ROOT / "config/production.toml"
    pairs = [pair for line in values("Environment") for pair in line.split()]
    settings = settings_of(command, dict(pair.split("=", 1) for pair in pairs), files)
    assert settings.redis.url
    assert settings.auth_is_required
    (stop,) = values("TimeoutStopSec")
    assert float(stop) > settings.server.drain_seconds + SHUTDOWN_SECONDS


def test_a_reload_goes_to_the_first_process_and_a_wrong_configuration_is_not_tried_again() -> None:
    assert values("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert values("KillMode") == ["mixed"]
    assert values("RestartPreventExitStatus") == ["2"]
