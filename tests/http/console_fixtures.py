"""What the console asks of, as a test wants it."""

from datetime import UTC, datetime

from service.numbers.overview import Overview, ProvinceUse
from service.picking import Candidate, PickRequest, PlacedNumber
from service.picking.trial import CalledPlace, Level, Trial, TrialNumber

OVERVIEW = Overview(
    "ccc-test",
    datetime.fromtimestamp(1000, UTC),
    ("sales@ccc-test",),
    (
        ProvinceUse("四川", 3, 3, 1, 5, 60, {"operator": 1, "rest": 2}),
        ProvinceUse("北京", 2, 2, 1, 0, 40, {"rest": 1}),
    ),
)
TRIAL = Trial(
    instance_id="ccc-test",
    callee=CalledPlace("138****8888", "mobile", "CN", "云南", "昆明", "0871"),
    levels=(Level("city", "0871昆明", {"sales@ccc-test|city|0871昆明": 2}, {"rest": 1}, 2),),
    source="redis",
    data=(TrialNumber(PlacedNumber("087155500001", "云南", "昆明"), "city"),),
    code="",
    detail="",
    asks_ccc=False,
    reasons={},
    explanation=(Candidate("087155500001", "city", 7, 0, 1, ""),),
)


class FakeOverviews:
    """Shows the one overview that the test put there, or raises."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.next = OVERVIEW
        self.error: Exception | None = None

    async def of(self, instance_id: str) -> Overview:
        self.asked.append(instance_id)
        if self.error is not None:
            raise self.error
        return self.next


class FakeTrials:
    """Answers every trial alike, or raises."""

    def __init__(self) -> None:
        self.asked: list[PickRequest] = []
        self.error: Exception | None = None

    async def run(self, request: PickRequest) -> Trial:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return TRIAL
