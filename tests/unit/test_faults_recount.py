"""Each column of the table of faults, shown to speak up on answers with a fault planted in them."""

from msgspec.structs import replace

from service.ledger import CalleeRule, Limits, Rules
from tests.faults.harness.answers import Answer, Recount, recount
from tests.faults.harness.figures import (
    Allowed,
    Span,
    degraded_in,
    failures_of,
    seconds_back,
    served_through,
    times_of,
)
from tests.faults.harness.rules import Stated, broken_rules

NOON = 1_700_000_000_000.0
STATED = Stated(
    groups={"n1": {"sales"}, "n2": {"sales"}, "n3": {"support"}},
    limits=Limits(max_per_day=3),
    rules=Rules(callee=(CalleeRule(2, 300_000, by_calendar=False),), cooldown=60_000),
)
FLAWLESS = Recount(1000, 0, 0, (), ())


def answer(
    call: str, number: str = "n1", *, at: float = 0, process: int = 0, source: str = "redis"
) -> Answer:
    """A pick for a callee of its own that took 2 ms."""
    sent = NOON + at
    return Answer(call, f"to {call}", "sales", process, sent, sent + 2, 200, "", number, source)


def refused(call: str, status: int, code: str, *, at: float = 0, process: int = 0) -> Answer:
    sent = NOON + at
    return Answer(call, f"to {call}", "sales", process, sent, sent + 2, status, code)


def failures(counts: Recount, allowed: Allowed | None = None) -> tuple[str, ...]:
    return failures_of(counts, allowed or Allowed(), (), has_returned=True, serves=True)


def test_answers_that_were_all_counted_have_no_fault() -> None:
    answers = [answer("a"), answer("a", at=5, process=1), answer("b", "n2", at=9)]
    assert recount(answers, {"n1": 1, "n2": 1, "n3": 0}) == Recount(2, 0, 0, (), ())
    assert broken_rules(answers, STATED) == []


def test_an_answer_that_was_not_counted_is_lost() -> None:
    assert recount([answer("a"), answer("b")], {"n1": 1, "n2": 0}).lost == 1


def test_a_use_beyond_the_answers_is_doubled() -> None:
    assert recount([answer("a")], {"n1": 2}).doubled == 1


def test_a_use_of_another_number_is_one_lost_and_one_doubled() -> None:
    counts = recount([answer("a")], {"n2": 1})
    assert (counts.lost, counts.doubled) == (1, 1)


def test_a_call_without_an_answer_may_have_been_counted_or_not() -> None:
    unanswered = refused("a", 0, "TimeoutError")
    assert recount([unanswered], {"n1": 1}) == recount([unanswered], {"n1": 0})


def test_a_refused_call_is_counted_for_nobody() -> None:
    assert recount([refused("a", 429, "CalleeBudgetExceeded")], {"n1": 1}).doubled == 1


def test_a_call_with_two_answers_is_counted_once_by_either() -> None:
    twice = [answer("a"), answer("a", "n2", process=1, source="degraded", at=9)]
    for used in ({"n1": 1, "n2": 0}, {"n1": 0, "n2": 1}):
        assert recount(twice, used) == Recount(1, 0, 0, (), ("a",))
    assert recount(twice, {"n1": 1, "n2": 1}).doubled == 1


def test_calls_with_two_answers_make_way_for_each_other() -> None:
    pairs = {"a": ("n1", "n2"), "b": ("n1", "n3"), "c": ("n1", "n2")}
    answers = [
        answer(call, number, process=process, source="degraded")
        for call, numbers in pairs.items()
        for process, number in enumerate(numbers)
    ]
    for used in ({"n1": 1, "n2": 1, "n3": 1}, {"n1": 2, "n2": 1}, {"n1": 1, "n2": 2}):
        counts = recount(answers, used)
        assert (counts.lost, counts.doubled) == (0, 0)
    counts = recount(answers, {"n2": 3})
    assert (counts.lost, counts.doubled) == (1, 1)


def test_one_process_that_answers_a_call_differently_is_contradicted() -> None:
    answers = [answer("a"), answer("a", "n2", at=9, source="degraded")]
    assert recount(answers, {"n1": 1}).differing == ("a",)


def test_two_processes_with_redis_that_answer_a_call_differently_are_contradicted() -> None:
    answers = [answer("a"), answer("a", "n2", at=9, process=1)]
    assert recount(answers, {"n1": 1}).differing == ("a",)


def test_two_masters_may_answer_two_processes_differently_but_not_one() -> None:
    answers = [answer("a"), answer("a", "n2", at=9, process=1)]
    assert recount(answers, {"n1": 1}, masters=2).apart == ("a",)
    answers.append(answer("a", "n2", at=9))
    assert recount(answers, {"n1": 1}, masters=2).differing == ("a",)


def test_a_process_that_refuses_a_call_which_it_has_answered_is_contradicted() -> None:
    answers = [answer("a"), refused("a", 429, "CalleeBudgetExceeded", at=9)]
    assert recount(answers, {"n1": 1}).differing == ("a",)


def test_two_processes_of_which_one_was_without_redis_are_apart() -> None:
    answers = [answer("a"), answer("a", "n2", at=9, process=1, source="degraded")]
    assert recount(answers, {"n1": 1}) == Recount(1, 0, 0, (), ("a",))


def test_a_number_beyond_its_cap_is_told() -> None:
    answers = [answer(f"call {at}", at=at, process=at % 2) for at in range(4)]
    assert broken_rules(answers, STATED) == ["n1: max_per_day"]
    assert broken_rules(answers[:3], STATED) == []


def test_a_callee_beyond_its_budget_by_the_picks_of_one_process_is_told() -> None:
    picks = [answer(f"call {at}", f"n{at}", at=10 * at) for at in range(3)]
    alike = [replace(pick, callee="138", group="") for pick in picks]
    stated = replace(STATED, groups={"n0": {""}, "n1": {""}, "n2": {""}})
    assert broken_rules(alike, stated) == ["process 0: 138: budget"]
    apart = [*alike[:2], replace(alike[2], process=1)]
    assert broken_rules(apart, stated) == []


def test_a_number_that_one_process_shows_a_callee_again_too_soon_is_told() -> None:
    alike = [replace(answer(f"call {at}", at=10 * at), callee="138") for at in range(2)]
    assert broken_rules(alike, STATED) == ["process 0: 138: cooldown n1"]


def test_a_number_of_another_group_and_a_stranger_are_told() -> None:
    assert broken_rules([answer("a", "n3"), answer("b", "n9")], STATED) == [
        "n3 was shown for sales, which has no such number",
        "n9 was shown for sales, which has no such number",
    ]


def test_a_number_that_is_no_longer_listed_is_told_up_to_its_return() -> None:
    stated = replace(STATED, emptied=NOON + 10, refilled=NOON + 20)
    answers = [answer("a", at=5), answer("b", at=12, process=1), answer("c", at=25)]
    assert broken_rules(answers, stated) == ["n1 was shown by process 1 after CCC listed none"]


def test_an_answer_from_neither_ledger_is_told() -> None:
    assert broken_rules([answer("a", source="ccc")], STATED) == ["n1 came from ccc"]


def test_errors_time_outs_and_refusals_without_a_reason_are_told() -> None:
    answers = [
        refused("a", 500, "InternalError"),
        refused("b", 0, "TimeoutError"),
        refused("c", 409, "NoEligibleNumber"),
        refused("d", 409, "NoEligibleNumber"),
        refused("e", 429, "CalleeBudgetExceeded"),
    ]
    assert broken_rules(answers, STATED) == [
        "1 × 500 InternalError",
        "1 × no answer TimeoutError",
        "2 × 409 NoEligibleNumber where numbers were free",
    ]
    capped = replace(STATED, refusals=True, failures={"InternalError", "TimeoutError"})
    assert broken_rules(answers, capped) == []


def test_a_late_answer_is_seen_in_the_times() -> None:
    late = replace(answer("late"), answered=NOON + 800)
    answers = [*(answer(f"call {at}") for at in range(120)), late]
    assert times_of(answers) == (2, 800)


def test_a_pick_that_is_degraded_after_the_fault_is_seen_in_the_return() -> None:
    answers = [answer("a", at=900, source="degraded"), answer("b", at=3500, source="degraded")]
    assert degraded_in(answers) == 2
    assert seconds_back(answers, NOON + 1000) == 2.5
    assert seconds_back(answers, NOON + 4000) == 0


def test_redis_serves_through_a_fault_only_if_it_decides_most_picks_at_its_end() -> None:
    span = Span(NOON, NOON + 1000, has_returned=True)
    answers = [answer("a", at=700), answer("b", at=800), answer("c", at=900, source="degraded")]
    assert served_through(answers, span)
    assert not served_through(answers[1:], span)
    assert not served_through([], span)


def test_what_is_beyond_what_is_allowed_fails() -> None:
    assert failures(FLAWLESS) == ()
    assert failures(replace(FLAWLESS, lost=1)) == ("1 of 1000 calls lost",)
    assert failures(replace(FLAWLESS, doubled=2)) == ("2 of 1000 calls doubled",)
    assert failures(replace(FLAWLESS, differing=("a",))) == (
        "1 of 1000 calls answered differently",
    )
    assert failures(replace(FLAWLESS, apart=("a",))) == ()


def test_what_is_inherent_in_a_fault_fails_only_beyond_its_share() -> None:
    allowed = Allowed(lost=0.01, doubled=0.002)
    assert failures(replace(FLAWLESS, lost=10, doubled=2), allowed) == ()
    assert failures(replace(FLAWLESS, lost=11), allowed) == ("11 of 1000 calls lost",)


def test_broken_rules_and_sources_fail() -> None:
    assert failures_of(FLAWLESS, Allowed(), ["n1: rest"], has_returned=False, serves=False) == (
        "picks do not return to Redis, or wait to be written back",
        "Redis could serve, and did not decide most picks",
        "n1: rest",
    )
