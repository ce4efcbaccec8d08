"""The RAM policy: what the client of CCC asks for, the two actions that write apart."""

import inspect
import json
import re
import tomllib

from service.ccc import additions, client
from tests.deploy.prometheus import ROOT

WRITING = {"AddPhoneNumbers", "AddBulkPhoneNumbers"}
READ, WRITE = json.loads((ROOT / "deploy/ram-policy.json").read_text("utf-8"))["Statement"]


def test_the_policy_allows_what_the_client_asks_for() -> None:
    source = inspect.getsource(client) + inspect.getsource(additions)
    asked = set(re.findall(r'\bAction\("(\w+)"', source))
    assert set(READ["Action"]) == {f"ccc:{name}" for name in asked - WRITING}
    assert set(WRITE["Action"]) == {f"ccc:{name}" for name in asked & WRITING}


def test_the_policy_is_for_the_instances_of_the_configuration_alone() -> None:
    config = tomllib.loads((ROOT / "config/production.toml").read_text("utf-8"))
    instances = [f"acs:ccc:*:*:instance/{one['id']}" for one in config["instances"]]
    assert READ["Resource"] == WRITE["Resource"] == instances
    assert READ["Effect"] == WRITE["Effect"] == "Allow"
