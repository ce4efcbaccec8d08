"""Adding numbers, call by call, to a CCC that does what a test says."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from service.ccc.additions import AdditionAnswer, AdditionBatch, NumberDetails
from service.errors import (
    CccError,
    CccMalformed,
    CccRefused,
    CccThrottled,
    CccUnavailable,
    CccUnreachable,
    InvalidField,
    UnknownInstance,
)
from service.inventory import Details
from service.provisioning import (
    MOST_NUMBERS,
    Addition,
    AddRequest,
    BulkRequest,
    PartlyAdded,
    provisioner,
)
from service.provisioning.provisioner import Provisioner, Target
from service.sync import SweepReport
from tests.fakes import in_place_of

LOST = CccUnavailable("Timeout", "no answer within 5.0 s")
DETAILS = NumberDetails(
    "01055500000", Details(30, test_only=True, remaining_time=60, allow_outbound=True), {}
)
NOTHING = AdditionAnswer((), (), (), ())
CERTAIN = [
    CccRefused("Forbidden.RAM", "denied", status=403),
    CccThrottled("Throttling.User", "too many"),
    CccUnreachable("Connection", "refused"),
]
UNCERTAIN = [LOST, CccUnavailable("HTTP.503", "no"), CccMalformed("Malformed", "no list")]


def names(count: int, start: int = 0) -> tuple[str, ...]:
    return tuple(f"010555{at:05d}" for at in range(start, start + count))


class World:
    """A CCC with the keeper of its inventory; `plan` is what each call does, in turn."""

    def __init__(self, *plan: Any) -> None:
        self.plan = list(plan)
        self.batches: list[AdditionBatch] = []
        self.listed: set[str] = set()  # what CCC has
        self.inventory: set[str] = set()
        self.learned: dict[str, Details] = {}
        self.refreshed: list[Mapping[str, Details]] = []
        self.refresh_result = "accepted"

    def adds(self) -> Provisioner:
        world = in_place_of(self)
        return Provisioner({"ccc-test": Target("ccc-test", world, world, world)})

    async def add_phone_numbers(self, batch: AdditionBatch) -> AdditionAnswer:
        failed: tuple[str, ...] = self._next(batch, ())
        self.listed |= set(batch.numbers) - set(failed)
        return AdditionAnswer(failed)

    async def add_bulk_phone_numbers(self, batch: AdditionBatch) -> AdditionAnswer:
        answer: AdditionAnswer = self._next(batch, NOTHING)
        out = {*answer.failed, *answer.in_use, *answer.in_arrears}
        self.listed |= set(batch.numbers) - out
        return answer

    def _next(self, batch: AdditionBatch, usual: Any) -> Any:
        self.batches.append(batch)
        planned = self.plan.pop(0) if self.plan else usual
        if isinstance(planned, CccError):
            raise planned
        return planned

    async def refresh(self, *, accept_shrink: bool = False) -> SweepReport:
        assert not accept_shrink
        self.refreshed.append(dict(self.learned))
        if self.refresh_result != "failed":
            self.inventory = set(self.listed)
        return SweepReport(self.refresh_result, detail="why not")

    def lists(self, number: str) -> bool:
        return number in self.inventory

    async def put(self, details: Mapping[str, Details]) -> None:
        self.learned |= details


@pytest.fixture(autouse=True)
def _small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provisioner, "NUMBERS_A_CALL", 2)


async def added(world: World, numbers: Sequence[str], **fields: Any) -> Addition:
    request = AddRequest(**{"numbers": tuple(numbers), "usage": "Outbound", **fields})
    return await world.adds().add(request, "R-1")


async def added_in_bulk(world: World, numbers: Sequence[str], **fields: Any) -> Addition:
    request = BulkRequest(**{"numbers": tuple(numbers), "usage": "Outbound", **fields})
    return await world.adds().add(request, "R-1")


async def test_numbers_go_in_canonical_form_with_what_belongs_to_them() -> None:
    world = World()
    answer = await added(
        world, ["+86 10-5550 0001", "1055500002"], contact_flow_id="flow", number_group_id="group"
    )
    assert answer == Addition(("01055500001", "01055500002"), ())
    assert world.batches == [
        AdditionBatch(
            instance_id="ccc-test",
            numbers=("01055500001", "01055500002"),
            usage="Outbound",
            contact_flow_id="flow",
            number_group_id="group",
        )
    ]


async def test_a_long_list_goes_in_several_calls_and_one_refresh_follows() -> None:
    world = World((names(1)[0],), (), names(1, 4))
    answer = await added(world, names(5))
    assert [batch.numbers for batch in world.batches] == [names(2), names(2, 2), names(1, 4)]
    assert answer == Addition(names(3, 1), (names(1)[0], names(1, 4)[0]))
    assert len(world.refreshed) == 1


async def test_a_bulk_addition_tells_the_ends_apart_and_keeps_the_details() -> None:
    # CCC lists all numbers of the instance; of the others nothing is learned.
    other = msgspec.structs.replace(DETAILS, number="01055509999")
    first = AdditionAnswer(names(1, 1), (), (), (DETAILS, other))
    world = World(first, AdditionAnswer((), names(1, 2), names(1, 3), ()))
    answer = await added_in_bulk(world, names(5), skill_group_ids=("sales@ccc-test",))
    assert answer == Addition(
        added=("01055500000", "01055500004"),
        failed=names(1, 1),
        in_use=names(1, 2),
        in_arrears=names(1, 3),
        details=(DETAILS, other),
    )
    # They are there before the sweep that is to take them.
    assert world.refreshed == [
        {"01055500000": Details(30, test_only=True, remaining_time=60, allow_outbound=True)}
    ]
    assert world.batches[0].skill_group_ids == ("sales@ccc-test",)


async def test_of_two_ends_of_a_number_the_one_that_says_why_is_told() -> None:
    both = AdditionAnswer(names(2), names(1), names(1, 1), ())
    answer = await added_in_bulk(World(both), names(2))
    assert (answer.failed, answer.in_use, answer.in_arrears) == ((), names(1), names(1, 1))


@pytest.mark.parametrize("cause", CERTAIN, ids=lambda cause: type(cause).__name__)
async def test_where_nothing_can_have_been_added_the_cause_itself_is_raised(
    cause: CccError,
) -> None:
    world = World(cause)
    with pytest.raises(type(cause)):
        await added(world, names(5))
    assert len(world.batches) == 1
    assert not world.refreshed


@pytest.mark.parametrize("cause", CERTAIN, ids=lambda cause: type(cause).__name__)
async def test_a_second_call_that_is_refused_leaves_the_first_ones_numbers_in(
    cause: CccError,
) -> None:
    world = World(names(1), cause)
    with pytest.raises(PartlyAdded) as caught:
        await added(world, names(5))
    assert caught.value.fates == {
        "failed": names(1),
        "added": names(1, 1),
        "not_added": names(3, 2),
    }
    assert caught.value.asked == names(5)
    assert caught.value.cause is cause
    assert len(world.batches) == 2
    assert len(world.refreshed) == 1


@pytest.mark.parametrize("cause", UNCERTAIN, ids=str)
async def test_after_a_lost_answer_the_refresh_shows_what_is_in(cause: CccError) -> None:
    world = World((), cause)
    world.listed = {names(1, 2)[0]}  # one of the two was added all the same
    with pytest.raises(PartlyAdded, match="3 added, 1 unknown, 1 not_added") as caught:
        await added(world, names(5))
    assert caught.value.fates == {
        "added": names(3),
        "unknown": names(1, 3),
        "not_added": names(1, 4),
    }
    assert len(world.batches) == 2


async def test_a_lost_answer_of_the_last_call_is_none_once_all_its_numbers_are_listed() -> None:
    world = World((), LOST)
    world.listed = set(names(4))
    assert await added(world, names(4)) == Addition(names(4), ())


async def test_after_a_lost_answer_and_no_refresh_nothing_is_claimed() -> None:
    world = World(LOST)
    world.inventory = set(names(2))  # of before
    world.refresh_result = "failed"
    with pytest.raises(PartlyAdded) as caught:
        await added_in_bulk(world, names(3))
    assert caught.value.fates == {"unknown": names(2), "not_added": names(1, 2)}


async def test_what_the_refresh_did_not_bring_is_pending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.refresh_result = "failed"
    with caplog.at_level(logging.WARNING, "service.provisioning.provisioner"):
        answer = await added(world, names(3))
    assert answer == Addition(names(3), (), pending=names(3))
    assert caplog.messages == ["Request R-1: no refresh after adding numbers: why not"]


async def test_an_error_half_way_shows_no_number() -> None:
    with pytest.raises(PartlyAdded) as caught:
        await added(World((), LOST), names(5))
    assert "0105550" not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize(
    ("numbers", "usage", "field", "why"),
    [
        ((), "Inbound", "numbers", "is empty"),
        (names(MOST_NUMBERS + 1), "Inbound", "numbers", "more than 1000"),
        (("01055500001", "0833****"), "Inbound", "numbers[1]", "is masked"),
        (("01055500001", "help"), "Inbound", "numbers[1]", "has letters"),
        (("01055500001", ""), "Inbound", "numbers[1]", "is empty"),
        (("01055500001", "01055500002", "110"), "Inbound", "numbers[2]", "emergency"),
        (
            ("01055500001", "01055500002", "+86 10 5550 0001"),
            "Inbound",
            "numbers[2]",
            "010****0001 is given already, as numbers[0]",
        ),
        (("4005550001",), "Outbound", "numbers[0]", "for Inbound alone"),
        (("01055500001", "400-555-0001"), "Bidirection", "numbers[1]", "40****0001 is a 400"),
    ],
)
async def test_a_list_that_cannot_be_added_is_refused_before_anything_is_sent(
    numbers: tuple[str, ...], usage: str, field: str, why: str
) -> None:
    world = World()
    for add in (added, added_in_bulk):
        with pytest.raises(InvalidField) as caught:
            await add(world, numbers, usage=usage)
        assert caught.value.field == field
        assert why in caught.value.detail
    assert not world.batches
    assert not world.refreshed


async def test_400_numbers_are_added_for_inbound_and_a_longest_list_goes() -> None:
    world = World()
    numbers = ("4005550001", *names(MOST_NUMBERS - 1))
    assert (await added(world, numbers, usage="Inbound")).added == numbers


async def test_an_instance_that_is_not_configured_is_unknown() -> None:
    with pytest.raises(UnknownInstance):
        await added(World(), names(1), instance_id="nowhere")
