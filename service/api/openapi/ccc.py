"""Calls and answers of the RPC door as types, for the OpenAPI document alone.

They are CCC's, name by name. `rpc.parameters` reads the calls, `rpc.actions` and `rpc.adds` fill
the answers in; the tests hold both to these types.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from service.ccc.parameters import LONGEST, MOST, Usage

Text = Annotated[str, Meta(max_length=LONGEST)]
Required = Annotated[str, Meta(min_length=1, max_length=LONGEST)]
UpTo100 = Annotated[int, Meta(ge=1, le=MOST)]


class Call(Struct, rename="pascal", kw_only=True):
    """What every call has."""

    instance_id: Required
    format: Annotated[
        Literal["JSON", "XML"] | UnsetType,
        Meta(description="Of the answer; without it, as `Accept` and the signature have it."),
    ] = UNSET


class PickOutboundNumbersCall(Call, rename="pascal", kw_only=True):
    """Choose the numbers to show to a callee."""

    action: Literal["PickOutboundNumbers"]
    version: Literal["2020-07-01"]
    called_number: Annotated[Required, Meta(description="The callee, as dialled.")]
    skill_group_id_list: Annotated[
        str,
        Meta(description="1–16 ids as a JSON array, or one each as `SkillGroupIdList.1` and on."),
    ]
    count: Annotated[UpTo100 | UnsetType, Meta(description="How many numbers, 1 without it.")] = (
        UNSET
    )


class ListPhoneNumbersCall(Call, rename="pascal", kw_only=True):
    """List the numbers of the cached inventory."""

    action: Literal["ListPhoneNumbers"]
    version: Literal["2020-07-01"]
    page_number: Annotated[UpTo100, Meta(description="Which page.")]
    page_size: Annotated[UpTo100, Meta(description="Numbers on a page.")]
    search_pattern: Annotated[Text | UnsetType, Meta(description="Anywhere in the number.")] = UNSET
    usage: Literal["", "Inbound", "Outbound", "Bidirection"] | UnsetType = UNSET
    active: Literal["", "true", "false"] | UnsetType = UNSET


class AddPhoneNumbersCall(Call, rename="pascal", kw_only=True):
    """Add numbers to an instance."""

    action: Literal["AddPhoneNumbers"]
    version: Literal["2020-07-01"]
    usage: Usage
    number_list: Annotated[
        str, Meta(description="The numbers as a JSON array, or one each as `NumberList.1` and on.")
    ]
    number_group_id: Text | UnsetType = UNSET
    contact_flow_id: Text | UnsetType = UNSET


class AddBulkPhoneNumbersCall(Call, rename="pascal", kw_only=True):
    """Add numbers, and bind them to skill groups."""

    action: Literal["AddBulkPhoneNumbers"]
    version: Literal["2017-07-05"]
    usage: Usage
    phone_number: Annotated[
        Required, Meta(description="A number; the next is `PhoneNumber.2`, and on.")
    ] = field(name="PhoneNumber.1")
    skill_group_id: Annotated[
        Required | UnsetType,
        Meta(description="A skill group; the next is `SkillGroupId.2`, and on."),
    ] = field(name="SkillGroupId.1", default=UNSET)
    contact_flow_id: Text | UnsetType = UNSET


class CccNumber(Struct, rename="pascal"):
    """A number and where it is."""

    number: str
    province: str
    city: str


class CccPair(Struct, rename="pascal"):
    """Show the caller to the callee."""

    caller: CccNumber
    callee: CccNumber


class CccSkillGroup(Struct, rename="pascal"):
    """A skill group; its names are made of its id."""

    skill_group_id: str
    instance_id: str
    name: str
    display_name: str


class CccPhoneNumber(Struct, rename="pascal"):
    """A number of the cached inventory."""

    number: str
    instance_id: str
    province: str
    city: str
    active: bool
    usage: str
    user_id: str
    provider: str
    tags: str
    skill_groups: tuple[CccSkillGroup, ...]


class CccPage(Struct, rename="pascal"):
    """One page of the numbers."""

    page_number: int
    page_size: int
    total_count: int
    list: tuple[CccPhoneNumber, ...]


class CccAnswer(Struct, rename="pascal", kw_only=True):
    """What every good answer has."""

    request_id: str
    http_status_code: int
    code: str
    message: str


class PickOutboundNumbersResponse(CccAnswer, rename="pascal", kw_only=True):
    """The pairs, best first."""

    data: tuple[CccPair, ...]


class ListPhoneNumbersResponse(CccAnswer, rename="pascal", kw_only=True):
    """A page of the numbers."""

    data: CccPage


class AddPhoneNumbersResponse(CccAnswer, rename="pascal", kw_only=True):
    """The numbers that were not added."""

    data: tuple[str, ...]


class AddBulkPhoneNumbersResponse(CccAnswer, rename="pascal", kw_only=True):
    """What became of the numbers, spelt as CCC 2017-07-05 does, each list inside of an object."""

    success: bool
    phone_numbers: dict[str, tuple[dict[str, Any], ...]]
    failed_phone_numbers: dict[str, tuple[str, ...]]
    userd_phone_numbers: dict[str, tuple[str, ...]]
    arrearage_phone_numbers: dict[str, tuple[str, ...]]


class CccError(Struct, rename="pascal"):
    """An error as Alibaba Cloud's gateway words it."""

    request_id: str
    host_id: str
    code: str
    message: str
    recommend: str


CALLS = (
    PickOutboundNumbersCall,
    ListPhoneNumbersCall,
    AddPhoneNumbersCall,
    AddBulkPhoneNumbersCall,
)
ANSWERS = (
    PickOutboundNumbersResponse,
    ListPhoneNumbersResponse,
    AddPhoneNumbersResponse,
    AddBulkPhoneNumbersResponse,
)
