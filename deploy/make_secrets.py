"""Makes every secret that the deployments here read, each as a file in one folder.

`python3 deploy/make_secrets.py deploy/secrets` for compose.yaml, with `--sentinel` for the
Kubernetes overlay of that name. It needs nothing but Python, and writes into an empty folder only.
"""

import argparse
import hashlib
import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
ONE_SERVER = "redis:6379"  # in compose.yaml
SENTINELS = ",".join(f"redis-{at}.redis:26379" for at in range(3))
SERVICE = "callerid"  # as the Sentinels know it

# Redis 6.2 has no functions, and does not start where its access list has these.
SINCE_7 = " +fcall +function|load"

# On ECS with a RAM role this is all; elsewhere `type = access_key` with the pair of a RAM user.
ALIBABA = """\
[default]
type = ecs_ram_role
role_name = callerid
"""


NOBODY = "http://alerts.invalid/"  # an address that there never is


def made(
    *, sentinel: bool = False, server: str = ONE_SERVER, older: bool = False, alerts: str = NOBODY
) -> Mapping[str, str]:
    """The contents of each file, by its name.

    Args:
        sentinel: for three servers behind Sentinels, not for one.
        server: host and port of the one.
        older: for Redis 6.2.
        alerts: the webhook that hears of them.
    """
    redis, admin, replica, watcher, scraper, exporter = (secrets.token_hex(32) for _ in range(6))
    members = [f"redis-{at}.redis:6379" for at in range(3)] if sentinel else [server]
    logins = {"CALLERID": redis, "EXPORTER": exporter, "ADMIN": admin}
    files = {
        "redis-url": f"redis://callerid:{redis}@{server}",
        "users.acl": _users(logins, "users.acl", older=older),
        "redis-admin-password": admin,
        "redis-exporter.json": json.dumps(_exporters(exporter, members), indent=2) + "\n",
        "clients.json": json.dumps(_clients(scraper), indent=2) + "\n",
        "metrics-token": scraper,
        "alerts-critical-url": alerts,
        "alerts-warning-url": alerts,
        "digest-key": secrets.token_hex(32),
        "alibaba.ini": ALIBABA,
        "grafana-password": secrets.token_hex(16),
    }
    if not sentinel:
        return files
    logins |= {"REPLICA": replica, "SENTINEL": watcher}
    query = f"sentinel_password={watcher}"
    return files | {
        "redis-url": f"redis+sentinel://callerid:{redis}@{SENTINELS}/{SERVICE}?{query}",
        "users.acl": _users(logins, "users.acl", "replication.acl", older=older),
        "replica-password": replica,
        "sentinel-password": watcher,
    }


def _exporters(password: str, members: Sequence[str]) -> dict[str, str]:
    """The passwords of redis_exporter, by address: without the user, and with it as of later."""
    addresses = (f"redis://{user}{member}" for member in members for user in ("", "exporter@"))
    return dict.fromkeys(addresses, password)


def _clients(scraper: str) -> list[dict[str, object]]:
    """Who may ask the service: a dialer, a person, Prometheus."""
    return [
        {"name": "dialer", "token": secrets.token_hex(32), "scopes": ["pick"]},
        {"name": "operator", "token": secrets.token_hex(32), "scopes": ["pick", "admin"]},
        {"name": "prometheus", "token": scraper, "scopes": ["metrics"]},
    ]


def _users(passwords: Mapping[str, str], *names: str, older: bool) -> str:
    """The access list of Redis, which knows a password by its hash alone."""
    text = "".join((HERE / "redis" / name).read_text("utf-8") for name in names)
    if older:
        text = text.replace(SINCE_7, "")
    for user, password in passwords.items():
        hashed = hashlib.sha256(password.encode()).hexdigest()
        text = text.replace(f"#{user}_SHA256", f"#{hashed}")
    return text


def main() -> int:
    """Write what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="made if it is not there; keep it out of git")
    parser.add_argument("--redis", default=ONE_SERVER, metavar="HOST:PORT", help="(%(default)s)")
    parser.add_argument(
        "--alerts", default=NOBODY, metavar="URL", help="the webhook that hears of alerts"
    )
    parser.add_argument("--sentinel", action="store_true", help="three servers behind Sentinels")
    parser.add_argument("--redis-6", action="store_true", help="that Redis is 6.2")
    options = parser.parse_args()
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    options.folder.chmod(0o700)
    there = sorted(path.name for path in options.folder.iterdir())
    if there:
        print(f"{options.folder} already has {', '.join(there)}; nothing was made", file=sys.stderr)
        return 1
    files = made(
        sentinel=options.sentinel,
        server=options.redis,
        older=options.redis_6,
        alerts=options.alerts,
    )
    for name, text in files.items():
        # The folder keeps others out; in a container the file belongs to another user than its own.
        path = options.folder / name
        path.write_text(text, "utf-8")
        path.chmod(0o644)
    return 0


if __name__ == "__main__":
    sys.exit(main())
