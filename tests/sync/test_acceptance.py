"""Invariant 6: a bad, partial, empty or unconfirmed sweep never replaces a good inventory."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import SweepFailed
from service.inventory import PhoneNumber, UnreadableRow, bar
from service.sync.acceptance import Absence, Policy, Sweep, Verdict, judge, report_on

NOW = 1_795_219_200.0
POLICY = Policy(max_shrink=0.2)
OPERATOR = Policy(max_shrink=0.2, accept_shrink=True)
MASKED = UnreadableRow("138****8888", "Number is masked", b"1")
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


def candidates(names: list[str]) -> dict[str, PhoneNumber]:
    return {name: PhoneNumber(name, skill_group_ids=("sales@ccc-test",)) for name in names}


def changed(names: list[str], **fields: Any) -> Sweep:
    """All ten, of which some are otherwise than before."""
    otherwise = {
        name: msgspec.structs.replace(own, **fields) for name, own in candidates(names).items()
    }
    return Sweep(candidates(TEN) | otherwise, complete=True, total=10)


def candidates_after(sweeps: list[Sweep], *, every: float = 60.0) -> tuple[list[str], Verdict]:
    verdict = Verdict(candidates(TEN), {}, "accepted")
    for count, sweep in enumerate(sweeps):
        verdict = judge(verdict.numbers, verdict.absences, sweep, NOW + count * every, POLICY)
    assert verdict.numbers is not None
    return sorted(name for name, own in verdict.numbers.items() if not bar(own)), verdict


@pytest.mark.parametrize(
    "fields", [{"active": False}, {"usage": "Inbound"}, {"skill_group_ids": ()}], ids=str
)
def test_a_loss_of_candidates_beyond_max_shrink_is_held_as_one_of_numbers_is(
    fields: dict[str, Any],
) -> None:
    loss = changed(TEN[:3], **fields)
    shown, verdict = candidates_after([loss] * 2, every=3600.0)
    assert (shown, verdict.result, verdict.held) == (TEN, "held", 3)
    shown, verdict = candidates_after([loss] * 3, every=299.0)
    assert (shown, verdict.result) == (TEN, "held")
    shown, verdict = candidates_after([loss] * 3, every=300.0)
    assert (shown, verdict.result, verdict.absences) == (TEN[3:], "accepted", {})
    assert verdict.numbers == loss.numbers


def test_a_few_candidates_less_are_believed_at_once() -> None:
    shown, verdict = candidates_after([changed(TEN[:2], active=False)])
    assert (shown, verdict.result) == (TEN[2:], "accepted")


def test_numbers_gone_and_numbers_inactive_are_one_loss_of_candidates() -> None:
    loss = changed(TEN[:2], active=False)
    rest = {name: own for name, own in loss.numbers.items() if name != TEN[9]}
    shown, verdict = candidates_after([Sweep(rest, complete=True, total=9)])
    assert (shown, verdict.result, verdict.held) == (TEN, "held", 3)


def test_few_numbers_gone_that_were_most_candidates_are_held() -> None:
    """All three candidates of twenty numbers: 15 % of the numbers, and nobody is left to show."""
    others = {f"0215550{n:04}": PhoneNumber(f"0215550{n:04}", usage="Inbound") for n in range(17)}
    sweep = Sweep(others, complete=True, total=17)
    assert judge(candidates(TEN[:3]) | others, {}, sweep, NOW, POLICY).result == "held"


def test_a_candidate_that_is_seen_well_between_two_losses_starts_anew() -> None:
    loss = changed(TEN[:3], active=False)
    shown, _ = candidates_after([loss, loss, changed([]), loss, loss], every=300.0)
    assert shown == TEN


def test_what_else_changes_of_a_number_is_taken_while_a_loss_of_candidates_is_held() -> None:
    loss = changed(TEN[:3], active=False)
    moved = {**loss.numbers, TEN[9]: msgspec.structs.replace(loss.numbers[TEN[9]], city="成都")}
    _, verdict = candidates_after([Sweep(moved, complete=True, total=10)])
    assert verdict.numbers is not None
    assert verdict.numbers[TEN[9]].city == "成都"
    assert verdict.numbers[TEN[0]].active


def test_a_loss_of_candidates_in_an_incomplete_sweep_is_not_believed_either() -> None:
    loss = msgspec.structs.replace(changed(TEN, active=False), complete=False, total=11)
    shown, verdict = candidates_after([loss] * 2)
    assert (shown, verdict.result) == (TEN, "incomplete")


def test_an_operator_may_accept_a_loss_of_candidates_at_once() -> None:
    loss = changed(TEN, active=False)
    verdict = judge(candidates(TEN), {}, loss, NOW, OPERATOR)
    assert (verdict.numbers, verdict.result, verdict.absences) == (loss.numbers, "accepted", {})


def test_a_number_whose_row_became_unreadable_leaves_after_two_sweeps_without_it() -> None:
    rest = {name: own for name, own in candidates(TEN).items() if name != TEN[0]}
    odd = Sweep(rest, complete=True, total=10, unreadable=(MASKED,))
    assert candidates_after([odd])[0] == TEN
    assert candidates_after([odd] * 2)[0] == TEN[1:]


def test_no_more_rows_than_configured_may_be_set_aside() -> None:
    sweep = Sweep(candidates(TEN), complete=True, total=12, unreadable=(MASKED, MASKED))
    sweep.check_readable(0.17)
    with pytest.raises(SweepFailed, match=r"2 of 12 rows .* 138\*{4}8888 \(Number is masked\)"):
        sweep.check_readable(0.16)


def test_a_report_of_a_failure_keeps_what_was_set_aside_unless_it_read_rows_itself() -> None:
    sweep = Sweep(candidates(TEN), complete=True, total=11, unreadable=(MASKED,))
    report = report_on({}, judge(None, {}, sweep, NOW, POLICY), sweep, NOW, 1.0)
    shown = UnreadableRow("138****8888", "Number is masked")
    assert (report.unreadable, report.examples) == (1, (shown,))
    failed = report.failed(SweepFailed("CCC did not answer"), NOW, 1.0)
    assert (failed.result, failed.unreadable, failed.examples) == ("failed", 1, (shown,))
    worse = failed.failed(SweepFailed("too many", [MASKED] * 3), NOW, 1.0)
    assert (worse.unreadable, worse.examples) == (3, (shown,))


@given(
    history=st.lists(
        st.tuples(
            st.sets(st.sampled_from(TEN)),
            st.booleans(),
            st.sampled_from([60.0, 300.0, 700.0]),
        ),
        max_size=12,
    )
)
def test_most_candidates_are_never_lost_but_by_three_sweeps_over_ten_minutes(
    history: list[tuple[set[str], bool, float]],
) -> None:
    numbers: Mapping[str, PhoneNumber] = candidates(TEN)
    absences: Mapping[str, Absence] = {}
    now = NOW
    agreeing: dict[str, list[float]] = {}
    for inactive, complete, seconds in history:
        now += seconds
        sweep = msgspec.structs.replace(changed(sorted(inactive), active=False), complete=complete)
        verdict = judge(numbers, absences, sweep, now, POLICY)
        assert verdict.numbers is not None
        agreeing = {name: [*agreeing.get(name, []), now] for name in inactive}
        before = {name for name, own in numbers.items() if not bar(own)}
        lost = {name for name in before if bar(verdict.numbers[name])}
        if len(before & inactive) > POLICY.max_shrink * len(before):
            for name in lost:
                assert len(agreeing[name]) >= 3
                assert now - agreeing[name][0] >= 600
        numbers, absences = verdict.numbers, verdict.absences


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
