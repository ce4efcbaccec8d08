"""The share of the day's caps that each group has left."""

from collections.abc import Sequence

from service.coverage.headroom import headroom
from service.inventory import Inventory, PhoneNumber
from service.ledger.answers import Glance
from service.tasks import at_once


def number(last: int, *groups: str, agent: str = "") -> PhoneNumber:
    return PhoneNumber(f"0285550000{last}", "四川", "成都", skill_group_ids=groups, agent_id=agent)


def test_headroom_is_what_the_caps_of_a_groups_numbers_have_left() -> None:
    inventory = Inventory(
        "ccc-test",
        1,
        [
            number(1, "sales", "support"),
            number(2, "sales"),
            number(3, "uncapped"),
            number(4, "spent"),
            number(5, "sales", agent="amy"),
        ],
    )
    glances = {
        "02855500001": Glance(used_day=30, max_per_day=100),
        "02855500002": Glance(used_day=90, max_per_day=100),
        "02855500003": Glance(used_day=90),
        "02855500004": Glance(used_day=12, max_per_day=10),  # a cap was lowered
    }

    def glance(numbers: Sequence[str]) -> list[Glance]:
        return [glances.get(each, Glance(max_per_day=9999)) for each in numbers]

    assert at_once(headroom(inventory, glance)) == {"sales": 0.4, "support": 0.7, "spent": 0.0}
