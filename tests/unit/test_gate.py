"""The gate: who is let in, who is refused, and what a heavy pick takes."""

import pytest
from msgspec.structs import replace

from service.api.auth import Asker
from service.api.gate import ACTIVE_SECONDS, Admission, Gate
from service.errors import Overloaded
from service.metrics import Metrics
from service.settings import Auth, Client, Secret, Selection, Server, Settings

AMY, BOB, CAROL = Asker("amy"), Asker("bob"), Asker("carol")
NOW = 1000.0


def gate_of(limit: int, now: float = NOW, **most: int) -> Gate:
    clients = tuple(
        Client(name, Secret(name), ("pick",), max_in_flight=bound) for name, bound in most.items()
    )
    settings = Settings(server=Server(max_in_flight=limit), auth=Auth(clients=clients))
    return Gate(settings, Metrics(), lambda: now)


def fill(gate: Gate, asker: Asker, now: float = NOW) -> list[Admission]:
    """Let in as many picks of a client as there are places for."""
    admissions = []
    while (admission := gate.admit(asker, now)) is not None:
        admissions.append(admission)
    return admissions


def test_a_client_alone_may_take_all() -> None:
    gate = gate_of(10)
    assert len(fill(gate, AMY)) == 10
    assert gate.is_full
    with pytest.raises(Overloaded):
        gate.enter(AMY, NOW)


def test_of_two_clients_each_finds_its_share_whatever_the_other_takes() -> None:
    gate = gate_of(10)
    with gate.enter(BOB, NOW):
        pass
    amys = fill(gate, AMY)
    assert len(amys) == 5
    assert len(fill(gate, BOB)) == 5
    with amys[0]:
        pass
    assert gate.admit(BOB, NOW) is None
    assert gate.admit(AMY, NOW) is not None


def test_beyond_its_share_a_client_leaves_one_share_to_the_others() -> None:
    gate = gate_of(12)
    for other in (BOB, CAROL):
        with gate.enter(other, NOW):
            pass
    assert len(fill(gate, AMY)) == 8
    assert len(fill(gate, BOB)) == 4


def test_a_client_that_has_asked_for_nothing_for_a_while_has_no_share() -> None:
    gate = gate_of(10)
    with gate.enter(BOB, NOW):
        pass
    assert len(fill(gate, AMY, NOW + ACTIVE_SECONDS + 1)) == 10


def test_a_client_with_a_bound_of_its_own_has_that() -> None:
    gate = gate_of(10, amy=3)
    assert len(fill(gate, AMY)) == 3
    assert len(fill(gate, BOB)) == 5  # amy is active, and leaves the rest to nobody else


def test_more_clients_than_places_share_them_one_by_one() -> None:
    gate = gate_of(1)
    for asker in (AMY, BOB, CAROL):
        with gate.enter(asker, NOW):
            assert gate.admit(AMY, NOW) is None


def test_a_heavy_pick_takes_the_places_that_it_costs_and_gives_them_back() -> None:
    gate = gate_of(100)
    admission = gate.enter(AMY, NOW)
    with admission:
        gate.weigh(admission, 20)
        assert len(fill(gate, AMY)) == 80
    assert len(fill(gate, AMY)) == 20


def test_heavy_picks_leave_half_of_the_gate_and_none_takes_more_than_a_quarter() -> None:
    gate = gate_of(100)
    heavy = [gate.enter(AMY, NOW) for _ in range(8)]
    for admission in heavy[:1]:
        gate.weigh(admission, 1000)
    with pytest.raises(Overloaded, match="many numbers"):
        gate.weigh(heavy[1], 1000)
    for admission in heavy[1:]:
        with admission:
            pass
    second = gate.enter(AMY, NOW)
    gate.weigh(second, 1000)
    assert [heavy[0].places, second.places] == [25, 25]
    assert len(fill(gate, BOB)) == 50


def weighed(gate: Gate, asker: Asker, places: int) -> list[Admission]:
    """Let in as many heavy picks of a client as there are places for."""
    admissions: list[Admission] = []
    while True:
        admission = gate.enter(asker, NOW)
        try:
            gate.weigh(admission, places)
        except Overloaded:
            gate.leave(admission)
            return admissions
        admissions.append(admission)


def test_of_heavy_picks_each_of_three_clients_finds_its_share_when_one_ends() -> None:
    gate = gate_of(120)
    for other in (BOB, CAROL):
        with gate.enter(other, NOW):
            pass
    amys = weighed(gate, AMY, 10)
    assert [len(amys), len(weighed(gate, BOB, 10)), len(weighed(gate, CAROL, 10))] == [4, 2, 0]
    for _ in range(2):
        with amys.pop():
            pass
        assert weighed(gate, AMY, 10) == []
        assert len(weighed(gate, CAROL, 10)) == 1


def test_where_places_are_few_a_heavy_pick_takes_one() -> None:
    gate = gate_of(1)
    admission = gate.enter(AMY, NOW)
    gate.weigh(admission, 1000)
    assert admission.places == 1


@pytest.mark.parametrize(("waited", "is_late"), [(0.06, False), (0.061, True)])
def test_a_pick_that_has_waited_for_longer_than_it_may_take_is_not_decided(
    waited: float, *, is_late: bool
) -> None:
    gate = gate_of(10, now=NOW + waited)
    admission = gate.enter(AMY, NOW)
    if is_late:
        with pytest.raises(Overloaded, match="waited"):
            gate.weigh(admission, 1)
    else:
        gate.weigh(admission, 1)


def test_a_pick_may_wait_for_as_long_as_the_most_patient_instance_says() -> None:
    patient = Selection(pick_timeout_ms=500)
    settings = replace(Settings(), selection=patient)
    gate = Gate(settings, Metrics(), lambda: NOW + 0.4)
    gate.weigh(gate.enter(AMY, NOW), 1)
