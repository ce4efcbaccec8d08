"""A configuration that is read again is held against the listener that there is."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from service.building import Builder
from service.errors import SettingsError
from service.instances import Instances
from service.metrics import Metrics
from service.settings import (
    Auth,
    CallerLimits,
    Client,
    ExperimentSettings,
    HealthSettings,
    InstanceSettings,
    NumberMatch,
    NumberOverride,
    Redis,
    ReportSettings,
    Secret,
    Selection,
    Server,
    Settings,
    SipAction,
)
from service.settings.reloading import taking_hold, waiting
from service.settings.rules import without_effect
from tests.fakes import in_place_of

DIALER = Client(name="dialer", token=Secret("5ecret"), scopes=("pick",))
PUBLIC = Settings(server=Server(host="192.0.2.1"), auth=Auth(clients=(DIALER,)))
EIGHT_HOURS = timedelta(hours=8)
STRICTER = Selection(caller=CallerLimits(max_per_hour=1))


def test_auth_that_will_do_on_loopback_is_refused_where_the_listener_is_not_there() -> None:
    with pytest.raises(SettingsError) as refused:
        taking_hold(PUBLIC, Settings(server=Server(host="127.0.0.1")))
    (fault,) = refused.value.faults
    assert fault == (
        "beside what runs: auth.required: found 'auto' at host '192.0.2.1', and nobody who may "
        "ask, expected auth.clients or auth.access_keys, a loopback host, or 'never'"
    )


def test_a_credential_bound_to_an_instance_that_does_not_run_yet_is_refused() -> None:
    """Without an instance in its request it would get the one that runs, whosever that is."""
    old, new = InstanceSettings(id="old"), InstanceSettings(id="new", selection=STRICTER)
    running = Settings(instances=(old,))
    bound = Client(name="bound", token=Secret("b"), scopes=("pick",), instances=("new",))
    with pytest.raises(SettingsError, match=r"auth.clients\[0\].instances\[0\]: .*one of old"):
        taking_hold(running, Settings(instances=(old, new), auth=Auth(clients=(bound,))))


def test_an_experiment_is_begun_and_ended_without_a_start() -> None:
    running = Settings(instances=(InstanceSettings(id="a"),))
    spring = ExperimentSettings("spring", 0.1)
    read = Settings(experiment=spring, instances=(InstanceSettings(id="a"),))
    assert taking_hold(running, read).experiment == spring
    assert waiting(running, read) == []


def test_an_instance_goes_by_its_new_rules_and_keeps_what_it_started_with() -> None:
    running = Settings(instances=(InstanceSettings(id="a", scope="s"), InstanceSettings(id="b")))
    read = Settings(instances=(InstanceSettings(id="a", scope="t", selection=STRICTER),))
    assert taking_hold(running, read).instances == (
        InstanceSettings(id="a", scope="s", selection=STRICTER),
        InstanceSettings(id="b"),
    )
    assert waiting(running, read) == ["selection.pick_timeout_ms", "instances"]


def test_the_listener_stays_and_credentials_and_rules_are_the_new_ones() -> None:
    auth = Auth(clients=(DIALER, Client(name="b", token=Secret("b"), scopes=("admin",))))
    server = Server(host="127.0.0.1", port=1, allowed_hosts=("callerid.internal",))
    read = Settings(server=server, auth=auth, selection=STRICTER)
    settings = taking_hold(PUBLIC, read)
    assert settings.server == Server(host="192.0.2.1", allowed_hosts=("callerid.internal",))
    assert settings.auth == auth
    assert settings.selection == STRICTER
    assert settings.auth_is_required
    assert waiting(PUBLIC, read) == ["server.host", "server.port"]


def test_any_free_port_is_the_one_that_runs() -> None:
    read = replace(PUBLIC, server=replace(PUBLIC.server, port=0))
    assert waiting(PUBLIC, read) == []


def test_sip_actions_and_number_health_take_hold() -> None:
    actions = {477: SipAction(action="rest_number", seconds=60)}
    read = Settings(server=PUBLIC.server, sip_actions=actions, health=HealthSettings(enabled=True))
    settings = taking_hold(PUBLIC, replace(read, auth=PUBLIC.auth))
    assert (settings.sip_actions, settings.health.enabled) == (actions, True)
    assert waiting(PUBLIC, read) == []


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (Settings(redis=Redis(digest_key=Secret("k"))), "redis.digest_key"),
        (
            Settings(
                server=Server(host="192.0.2.1", allowed_hosts=("a",)),
            ),
            "server.allowed_hosts",
        ),
        (
            Settings(
                selection=Selection(spare_first=8), instances=(InstanceSettings(id="ccc-test"),)
            ),
            "selection.spare_first",
        ),
    ],
)
def test_a_key_that_has_nothing_to_act_on_is_named(settings: Settings, key: str) -> None:
    assert [text.partition(":")[0] for text in without_effect(settings)] == [key]


def test_keys_that_have_something_to_act_on_are_not_named() -> None:
    match = NumberMatch(tag="M1")
    settings = Settings(
        redis=Redis(url=Secret("redis://h"), digest_key=Secret("k")),
        server=Server(allowed_hosts=("a",)),
        selection=Selection(spare_first=8),
        numbers=(NumberOverride(match=match, max_per_day=9),),
        instances=(InstanceSettings(id="ccc-test"),),
    )
    assert list(without_effect(settings)) == []


def test_nothing_waits_where_nothing_but_rules_and_credentials_changed() -> None:
    assert waiting(PUBLIC, Settings(server=PUBLIC.server, selection=STRICTER)) == []


async def test_days_and_hours_go_by_a_new_time_zone_at_once() -> None:
    running = Settings(instances=(InstanceSettings(id="a"),))
    nobody = in_place_of(SimpleNamespace(version=0))  # asked for nothing as long as nothing runs
    parts = Builder(running, None, None, Metrics()).build(running.instances[0], nobody, nobody)
    instances = Instances(running, [parts], nobody)
    counting = parts.experiment, parts.demand, parts.calls
    assert {counter.now().utcoffset() for counter in counting} == {EIGHT_HOURS}
    instances.apply(replace(running, selection=Selection(timezone="UTC")))
    assert {counter.now().utcoffset() for counter in counting} == {timedelta()}


async def test_reports_are_kept_for_as_many_days_as_are_read_again() -> None:
    running = Settings(instances=(InstanceSettings(id="a"),))
    nobody = in_place_of(SimpleNamespace(version=0))
    parts = Builder(running, None, None, Metrics()).build(running.instances[0], nobody, nobody)
    instances = Instances(running, [parts], nobody)
    assert parts.calls.days == 35
    instances.apply(taking_hold(running, replace(running, reports=ReportSettings(7))))
    assert parts.calls.days == 7
