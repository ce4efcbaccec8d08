"""Examples for the OpenAPI document, as the very types that are answered; numbers made up."""

from datetime import UTC, date, datetime, timedelta, timezone

from msgspec.structs import replace

from service.api.answers import (
    AdditionReply,
    BulkAdditionReply,
    BulkParkReply,
    CalleeResults,
    InventoryReply,
    InventoryState,
    LastSweep,
    OutcomeReply,
    ParkReply,
    Readiness,
    UnparkReply,
    UnreadableExample,
)
from service.api.parts import Components
from service.api.pick import PickResponse
from service.coverage.report import Coverage, ExhaustedPlace, IdleNumbers, ToBuy
from service.experiment.arms import ArmCalls
from service.experiment.report import ExperimentReport, ExperimentStratum
from service.numbers import NumberEntry, NumberPage, NumberResult, Parked
from service.numbers.callees import (
    CalleeResult,
    CalleeState,
    CalleeStop,
    CalleeWindow,
    ShownNumber,
)
from service.picking import Pair, PlacedNumber
from service.reports.report import CallReport, CallRow, report_row

REQUEST_ID = "5f0c6f2ad7b14bd8a3c1000000000017"
NUMBER = "01089898989"

_DAY = date(2026, 1, 1)
_END = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_PARKED = Parked("operator", _END, "ops", "complaints")

PICK = PickResponse(
    REQUEST_ID,
    "redis",
    (
        Pair(
            PlacedNumber(NUMBER, "北京", "北京"), PlacedNumber("13888888888", "云南", "昆明"), "any"
        ),
    ),
)
OUTCOME = OutcomeReply(REQUEST_ID)
PAGE = NumberPage(
    (
        NumberEntry(
            NUMBER,
            "北京",
            "北京",
            "010",
            "Outbound",
            active=True,
            skill_group_ids=("sales@ccc-test",),
            agent_id="",
            tags=("M1",),
            provider="alicom",
            used_hour=3,
            used_day=41,
            available=False,
            parked=(_PARKED,),
        ),
    ),
    page=1,
    page_size=20,
    total=1,
    standing="known",
)
PARK = ParkReply(REQUEST_ID, NUMBER, _PARKED, "complaints")
UNPARK = UnparkReply(REQUEST_ID, NUMBER)
PARKED_MANY = BulkParkReply(REQUEST_ID, (NumberResult(NUMBER, "parked"),))
UNPARKED_MANY = BulkParkReply(REQUEST_ID, (NumberResult(NUMBER, "unparked"),))
ADDITION = AdditionReply(REQUEST_ID, (NUMBER,), (), ())
BULK = BulkAdditionReply(REQUEST_ID, (NUMBER,), (), (), (), ())
INVENTORY = InventoryReply(
    (
        InventoryState(
            instance_id="ccc-test",
            generation=7,
            numbers=465,
            candidates=430,
            age_seconds=12.5,
            stale=False,
            unreadable=1,
            unreadable_examples=(UnreadableExample("138****8888", "Number is masked"),),
            last_sweep=LastSweep("accepted", 1767322000.0, 1.2, 466, 0, 0, 0, ""),
        ),
    )
)
_KUNMING = {
    "skill_group_id": "sales@ccc-test",
    "province": "云南",
    "city": "昆明",
    "area_code": "0871",
}
DEMAND = {"skill_group_id": "sales@ccc-test", "city": "昆明", "hour": 9, "calls": 420}
COVERAGE = Coverage(
    instance_id="ccc-test",
    days=14,
    buy=(ToBuy(**_KUNMING, count=3, gain=118.5, instead={"any": 97.0, "province": 21.5}),),
    idle=(IdleNumbers(**_KUNMING | {"city": "丽江", "area_code": "0888"}, count=2),),
    exhausted=(
        ExhaustedPlace(
            **_KUNMING, at=datetime(2026, 1, 3, 15, tzinfo=timezone(timedelta(hours=8)))
        ),
    ),
    foretold={"city": 4210.0, "area_code": 35.0, "province": 890.5, "any": 310.0},
    ratio=0.968,
)
REPORT = CallReport(
    instance_id="ccc-test",
    by="skill_group",
    from_=_DAY,
    to=_DAY,
    timezone="Asia/Shanghai",
    data=(report_row(_DAY, "sales@ccc-test", CallRow(131, 190, 40, 12, 0, 5, 412, 5_502_000)),),
)
EXPERIMENT = ExperimentReport(
    instance_id="ccc-test",
    name="spring",
    state="stopped",
    arms={"local": ArmCalls(48_600, 15_552), "any": ArmCalls(5_400, 1_593)},
    difference=0.025,
    interval=(0.0041, 0.0459),
    verdict="local",
    strata=(ExperimentStratum("SC", 8, {"local": ArmCalls(610, 201), "any": ArmCalls(70, 20)}),),
)
CALLEE = CalleeState(
    "138****8888",
    "云南",
    "昆明",
    refused_until=_END,
    stop=CalleeStop(_END, "ops", "asked not to be called"),
    windows=(CalleeWindow(3, 300, "sliding", uses=1, free_at=None),),
    shown=(ShownNumber(NUMBER, _END - timedelta(days=30), None, None),),
    opens_at=None,
)
LET_ALONE = replace(CALLEE, stop=None, refused_until=None)
_UNREADABLE = CalleeResult("110", "unreadable", "is an emergency number; those are never called")
STOPPED = CalleeResults(REQUEST_ID, (CalleeResult("138****8888", "stopped"), _UNREADABLE))
LET = CalleeResults(REQUEST_ID, (CalleeResult("138****8888", "let"), _UNREADABLE))
READY = Readiness(
    ready=True,
    inventories={"ready": 1},
    components=Components({"ccc-test": "ready"}, redis="up", draining=False),
)
