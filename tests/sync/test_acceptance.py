"""Invariant 6: a bad, partial, empty or unconfirmed sweep never replaces a good inventory."""

from collections.abc import Mapping

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from service.inventory import PhoneNumber
from service.sync.acceptance import Absence, Policy, Sweep, Verdict, judge

NOW = 1_795_219_200.0
POLICY = Policy(max_shrink=0.2)
OPERATOR = Policy(max_shrink=0.2, accept_shrink=True)
TEN = [f"0105550{n:04}" for n in range(10)]


def numbers_of(names: list[str] | set[str], usage: str = "Outbound") -> dict[str, PhoneNumber]:
    return {name: PhoneNumber(name, usage=usage) for name in names}


def whole(names: list[str] | set[str]) -> Sweep:
    return Sweep(numbers_of(names), complete=True, total=len(names))


def part(names: list[str] | set[str]) -> Sweep:
    return Sweep(numbers_of(names), complete=False, total=len(names) + 1)


def after(sweeps: list[Sweep], *, every: float = 60.0, known: list[str] = TEN) -> Verdict:
    verdict = Verdict(numbers_of(known), {}, "accepted")
    for count, sweep in enumerate(sweeps):
        verdict = judge(verdict.numbers, verdict.absences, sweep, NOW + count * every, POLICY)
    return verdict


def names_in(verdict: Verdict) -> list[str]:
    assert verdict.numbers is not None
    return sorted(verdict.numbers)


def test_the_first_whole_sweep_is_accepted() -> None:
    verdict = judge(None, {}, whole(TEN), NOW, POLICY)
    assert names_in(verdict) == TEN
    assert verdict.result == "accepted"


def test_the_same_again_is_unchanged() -> None:
    assert after([whole(TEN)]).result == "unchanged"


def test_a_number_enters_after_one_sighting() -> None:
    assert names_in(after([whole([*TEN, "13810000001"])])) == [*TEN, "13810000001"]


def test_a_number_enters_from_an_incomplete_sweep_and_nothing_leaves_by_one() -> None:
    verdict = after([part(["13810000001"])] * 5)
    assert names_in(verdict) == [*TEN, "13810000001"]
    assert verdict.result == "incomplete"


def test_a_number_leaves_after_two_sweeps_without_it() -> None:
    assert names_in(after([whole(TEN[1:])])) == TEN
    assert names_in(after([whole(TEN[1:])] * 2)) == TEN[1:]


def test_a_sighting_between_two_sweeps_keeps_a_number() -> None:
    assert names_in(after([whole(TEN[1:]), whole(TEN), whole(TEN[1:])])) == TEN


def test_a_sighting_in_an_incomplete_sweep_keeps_a_number_too() -> None:
    assert names_in(after([whole(TEN[1:]), part(TEN[:1]), whole(TEN[1:])])) == TEN


def test_an_incomplete_sweep_neither_counts_nor_forgets_an_absence() -> None:
    assert names_in(after([whole(TEN[1:]), part(TEN[1:])])) == TEN
    assert names_in(after([whole(TEN[1:]), part(TEN[1:]), whole(TEN[1:])])) == TEN[1:]


def test_of_an_incomplete_sweep_the_parts_that_were_whole_count() -> None:
    sweep = Sweep(numbers_of(TEN[2:]), complete=False, total=9, settled=("550000", "99"))
    absences = after([sweep]).absences
    assert absences.keys() == set(TEN[:2])
    elsewhere = Sweep(numbers_of(TEN[2:]), complete=False, total=9, settled=("5500001", "99"))
    assert after([elsewhere]).absences.keys() == {TEN[1]}
    verdict = after([sweep] * 2)
    assert names_in(verdict) == TEN[2:]
    assert verdict.result == "incomplete"
    assert names_in(after([elsewhere] * 2)) == [TEN[0], *TEN[2:]]


def test_a_large_loss_from_parts_that_were_whole_waits_too() -> None:
    sweep = Sweep(numbers_of(TEN[3:]), complete=False, total=9, settled=("0105550",))
    assert names_in(after([sweep] * 2)) == TEN
    assert names_in(after([sweep] * 3, every=300.0)) == TEN[3:]


def test_what_a_number_is_like_is_taken_as_it_was_seen() -> None:
    sweep = Sweep(numbers_of(TEN, usage="Inbound"), complete=True, total=10)
    assert after([sweep]).numbers == sweep.numbers


def test_a_loss_beyond_max_shrink_is_held() -> None:
    verdict = after([whole(TEN[3:])] * 2)
    assert names_in(verdict) == TEN
    assert (verdict.result, verdict.held) == ("held", 3)


def test_a_held_loss_leaves_after_three_sweeps_over_ten_minutes() -> None:
    assert names_in(after([whole(TEN[3:])] * 3, every=299.0)) == TEN
    verdict = after([whole(TEN[3:])] * 3, every=300.0)
    assert names_in(verdict) == TEN[3:]
    assert (verdict.result, verdict.held) == ("accepted", 0)


def test_ten_minutes_alone_do_not_confirm_a_loss() -> None:
    assert names_in(after([whole(TEN[3:])] * 2, every=3600.0)) == TEN


def test_while_a_loss_is_held_new_numbers_enter() -> None:
    verdict = after([whole([*TEN[5:], "13810000001"])])
    assert names_in(verdict) == [*TEN, "13810000001"]
    assert verdict.result == "held"


def test_a_loss_of_exactly_max_shrink_is_not_held() -> None:
    assert names_in(after([whole(TEN[2:])] * 2)) == TEN[2:]


def test_no_number_at_all_is_never_believed_by_itself() -> None:
    verdict = after([whole([])] * 100)
    assert names_in(verdict) == TEN
    assert (verdict.result, verdict.held) == ("held", 10)


def test_no_number_at_all_makes_no_first_inventory() -> None:
    for sweep in (whole([]), part([])):
        assert judge(None, {}, sweep, NOW, POLICY).numbers is None


def test_an_operator_may_accept_that_there_is_no_number() -> None:
    for known in (numbers_of(TEN), None):
        verdict = judge(known, {}, whole([]), NOW, OPERATOR)
        assert (verdict.numbers, verdict.result) == ({}, "accepted")


def test_once_accepted_no_number_at_all_is_nothing_new() -> None:
    assert judge({}, {}, whole([]), NOW, POLICY).result == "unchanged"


def test_an_operator_may_accept_a_loss_at_once() -> None:
    verdict = judge(numbers_of(TEN), {}, whole(TEN[8:]), NOW, OPERATOR)
    assert names_in(verdict) == TEN[8:]
    assert (verdict.result, verdict.absences) == ("accepted", {})


def test_an_operator_cannot_make_an_incomplete_sweep_whole() -> None:
    assert names_in(judge(numbers_of(TEN), {}, part(TEN[8:]), NOW, OPERATOR)) == TEN


def test_a_clock_that_goes_back_confirms_nothing() -> None:
    absences = {name: Absence(7, NOW + 3600) for name in TEN[:5]}
    assert names_in(judge(numbers_of(TEN), absences, whole(TEN[5:]), NOW, POLICY)) == TEN


class Witness(msgspec.Struct):
    """What the absences of a number come to, counted apart from the code under test."""

    sweeps: int = 0
    since: float = 0.0


seen_sets = st.sets(st.sampled_from(TEN))
histories = st.lists(
    st.tuples(seen_sets, st.booleans(), st.sampled_from([1.0, 60.0, 300.0, 700.0])), max_size=12
)


@given(first=st.sets(st.sampled_from(TEN), min_size=1), history=histories)
def test_nobody_leaves_unconfirmed_whatever_is_swept(
    first: set[str], history: list[tuple[set[str], bool, float]]
) -> None:
    verdict, now = judge(None, {}, whole(first), NOW, POLICY), NOW
    witnesses: dict[str, Witness] = {}
    for seen, complete, seconds in history:
        now += seconds
        known = verdict.numbers or {}
        sweep = whole(seen) if complete else part(seen)
        verdict = judge(known, verdict.absences, sweep, now, POLICY)
        _witness(witnesses, known, sweep, now)
        _check(known, sweep, verdict, witnesses, now)


def _witness(
    witnesses: dict[str, Witness], known: Mapping[str, PhoneNumber], sweep: Sweep, now: float
) -> None:
    for name in TEN:
        if name in sweep.numbers or name not in known:
            witnesses[name] = Witness()
        elif sweep.complete:
            witness = witnesses.setdefault(name, Witness())
            witness.sweeps += 1
            witness.since = now if witness.sweeps == 1 else witness.since


def _check(
    known: Mapping[str, PhoneNumber],
    sweep: Sweep,
    verdict: Verdict,
    witnesses: dict[str, Witness],
    now: float,
) -> None:
    assert verdict.numbers
    assert verdict.numbers.items() >= sweep.numbers.items()
    assert verdict.absences.keys() <= verdict.numbers.keys() - sweep.numbers.keys()
    left = known.keys() - verdict.numbers.keys()
    is_much = len(known.keys() - sweep.numbers.keys()) > POLICY.max_shrink * len(known)
    for name in left:
        assert sweep.complete
        assert sweep.numbers
        assert witnesses[name].sweeps >= (3 if is_much else 2)
        assert not is_much or now - witnesses[name].since >= 600
