"""`POST /v1/consents`: what a customer agrees to, told by whoever asks them, such as a mini program's backend."""

import asyncio
from collections import Counter
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.responses import Response

from fixtrail.customers.consents import ALL_MILESTONES, Consent, change_consent
from fixtrail.settings import LedgerSettings
from fixtrail.web.api.access import Key, require
from fixtrail.web.api.bodies import JSON, whole_body
from fixtrail.web.api.keys import ApiKey
from fixtrail.web.api.noted import tested
from fixtrail.web.api.problems import ApiError, invalid_request, problem_responses
from fixtrail.web.api.state import state_of
from runtime.failure import ExitError
from schemas.times import is_time_zone
from sinks.push.address import parse_recipient

BODY_BYTES = 16 * 1024
RETRY_AFTER_S = 5

router = APIRouter()


def _an_address(text: str) -> str:
    try:
        parse_recipient(text)
    except ValueError:
        raise ValueError("is not SCHEME:ADDRESS, such as wechat:OPENID") from None
    return text


def _a_milestone(text: str) -> str:
    if text not in ALL_MILESTONES:
        raise ValueError(f"is none of {', '.join(ALL_MILESTONES)}")
    return text


def _a_time_zone(text: str) -> str:
    if not is_time_zone(text):
        raise ValueError("is no time zone, such as Asia/Shanghai")
    return text


Milestones = Annotated[list[Annotated[str, AfterValidator(_a_milestone)]], Field(min_length=1)]


class ConsentChange(BaseModel):
    """What a customer says; what is left out stays as it is, so an address alone only asks."""

    model_config = ConfigDict(strict=True, extra="forbid")

    address: Annotated[str, Field(max_length=2048), AfterValidator(_an_address)] = Field(
        description="As in the `contact` of check-ins. Only a keyed hash of it is kept."
    )
    add: dict[Annotated[str, Field(min_length=1, max_length=128)], Annotated[int, Field(ge=1, le=100)]] = Field(
        default={},
        max_length=20,
        description="By kind, such as a WeChat template id, how many more messages the customer has agreed to.",
    )
    grant_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        description="One id for each time that the customer agreed, needed with `add`: under the same id of the same "
        "source it adds nothing a second time.",
    )
    opted_out: bool | None = Field(default=None, description="Nothing more to this address, or again.")
    milestones: Literal["all"] | Milestones | None = Field(
        default=None, description="Only these milestones, or all of them."
    )
    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_a_time_zone)] | None = Field(
        default=None, description="Where the customer's quiet hours are counted."
    )

    @model_validator(mode="after")
    def _counts_once(self) -> Self:
        if self.add and self.grant_id is None:
            raise ValueError("`add` needs a `grant_id`, so that a repeat does not count twice")
        return self

    def consent(self, source: str) -> Consent:
        """The same as the ledger's commands take it; ids of grants are each source's own."""
        milestones = self.milestones
        return Consent(
            opted_out=self.opted_out,
            milestones=frozenset(milestones) if isinstance(milestones, list) else None,
            all_milestones=milestones == "all",
            time_zone=self.time_zone,
            add=self.add,
            grant=None if self.grant_id is None else f"{source} {self.grant_id}",
        )


class ConsentState(BaseModel):
    """The current consent state of the address."""

    opted_out: bool
    milestones: list[str] | None = Field(description="The only milestones that are wanted; null for all.")
    time_zone: str | None = Field(description="Null: that of the center.")
    consents: dict[str, int] = Field(description="By kind, how many messages were agreed to and not yet sent.")
    repeated: bool = Field(description="The grant was known, and added nothing.")
    test: bool | None = Field(
        default=None, description="True for a test key: this would hold, and nothing was written. Absent otherwise."
    )


_CHANGE = {"$ref": "#/components/schemas/ConsentChange"}


def _without_names(error: ValidationError) -> list[dict[str, Any]]:
    """The errors without any name that the sender chose: kinds, and fields that there are not."""
    return [
        {"loc": ("unknown field",) if item["type"] == "extra_forbidden" else item["loc"][:1], "msg": item["msg"]}
        for item in error.errors(include_input=False, include_context=False, include_url=False)
    ]


@router.post(
    "/consents",
    tags=["consents"],
    operation_id="postConsents",
    summary="Say what a customer agrees to",
    response_model_exclude_unset=True,
    response_description="It is written down; this holds now.",
    responses=problem_responses(400, 401, 403, 408, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": _CHANGE}}}},
)
async def post_consents(request: Request, response: Response, key: Key) -> ConsentState:
    """Adds consents to messages that need one (WeChat: one consent is one message), and changes what is wanted.

    Needs scope `consents:write` and a key that is held to no centers: what is said holds for what is still to be sent
    of all orders that name the address, of whatever center. Counts as one event in the key's quota.
    """
    require(key, "consents:write")
    if key.centers is not None:
        raise ApiError(
            403, "not-allowed", "What customers agree to holds for all centers, and the key is held to some."
        )
    state = state_of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise ApiError(415, "unsupported-media-type", f"Send {JSON}.", headers={"Accept": JSON})
    body = await whole_body(request, BODY_BYTES)
    try:
        change = ConsentChange.model_validate_json(body)
    except ValidationError as error:
        raise invalid_request(_without_names(error)) from None
    quota = key.events_per_minute or state.settings.api_events_per_minute
    headers = state.pace.consume(key.id, quota, 1).headers()
    try:
        current = await asyncio.to_thread(_changed, state.settings, change, key)
    except ExitError:
        detail = "Nothing was written down, or it is not known; send it again with its `grant_id`."
        raise ApiError(503, "ledger-away", detail, headers={"Retry-After": str(RETRY_AFTER_S)}) from None
    response.headers.update({"Cache-Control": "no-store", **headers})
    members = {name: current[name] for name in ConsentState.model_fields if name in current}
    return ConsentState.model_validate(tested(members, key.test))


def _changed(settings: LedgerSettings, change: ConsentChange, key: ApiKey) -> dict[str, Any]:
    """The consent state after the change; of a test key as it would be, with nothing written."""
    if not key.test:
        return change_consent(settings, change.address, change.consent(key.source))
    current = change_consent(settings, change.address, Consent())
    consents = Counter(current["consents"]) + Counter(change.add)
    milestones = {} if change.milestones is None else {"milestones": _only(change.milestones)}
    changed = {name: getattr(change, name) for name in ("opted_out", "time_zone") if getattr(change, name) is not None}
    return {**current, **changed, **milestones, "consents": dict(consents)}


def _only(milestones: str | list[str]) -> list[str] | None:
    return None if isinstance(milestones, str) else sorted(milestones)
