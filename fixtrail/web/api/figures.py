"""`GET /v1/figures` and `/v1/figures/{name}`: defined figures for other systems, as `report kpi` computes them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from fixtrail.configuration import report_targets
from fixtrail.settings import ReportSettings
from fixtrail.web.api.access import Key, require
from fixtrail.web.api.problems import ApiError, problem_responses
from fixtrail.web.api.state import state_of
from runtime.failure import ExitError

if TYPE_CHECKING:
    from fixtrail.reports.figures.answer import Question

router = APIRouter()

Name = Annotated[str, Path(max_length=64, description="A figure's name, of `GET /v1/figures`.")]
By = Annotated[str | None, Query(max_length=16, description="A cut: one of the figure's `cuts`.")]
Since = Annotated[date | None, Query(alias="from", description="First day of close.")]
Until = Annotated[date | None, Query(alias="to", description="Last day of close, included.")]
Where = Annotated[list[str] | None, Query(max_length=20, description="Conditions such as `lane=quick`.")]
Compute = Callable[["Question"], dict[str, Any]]


def computer(settings: ReportSettings) -> Compute:
    """Answers questions from the ClickHouse of these settings, against the targets of FIXTRAIL_TARGETS."""

    def compute(question: "Question") -> dict[str, Any]:
        from fixtrail.reports.figures.answer import answer
        from fixtrail.reports.queries import query_runner

        options = replace(question.options, targets=report_targets(settings))
        return answer(query_runner(settings), replace(question, options=options))

    return compute


@router.get(
    "/figures",
    tags=["figures"],
    operation_id="getFigures",
    summary="Every figure that is defined",
    responses=problem_responses(401, 403, 429, 503),
)
async def get_figures(key: Key) -> list[dict[str, Any]]:
    """Name, question, formula, unit, version and cuts of each. Needs scope `figures:read`."""
    require(key, "figures:read")
    from fixtrail.reports.figures.catalogue import all_described

    return all_described()


@router.get(
    "/figures/{name}",
    tags=["figures"],
    operation_id="getFigure",
    summary="One figure, with n and interval",
    responses=problem_responses(401, 403, 404, 422, 429, 503),
)
async def get_figure(
    request: Request, key: Key, name: Name, by: By = None, since: Since = None, until: Until = None, where: Where = None
) -> dict[str, Any]:
    """The figure by period and cut, with its definition: to the last digit what `fixtrail report kpi` says.

    Needs scope `figures:read`; a key that is held to centers gets the figure of these alone. What is not defined is
    refused, and `nearest` says what is.
    """
    require(key, "figures:read")
    desk = state_of(request).figures
    if desk.compute is None:
        raise ApiError(503, "busy", "This process has no ClickHouse.", headers={"Retry-After": "60"})
    question = _question(name, (since, until, by), where or [], key.centers)
    if desk.computing.locked():
        raise ApiError(503, "busy", "Other figures are being computed.", headers={"Retry-After": "2"})
    async with desk.computing:
        try:
            return await asyncio.to_thread(desk.compute, question)
        except ExitError:
            detail = "ClickHouse does not answer, or takes too long."
            raise ApiError(503, "busy", detail, headers={"Retry-After": "10"}) from None


def _question(
    name: str, cut: tuple[date | None, date | None, str | None], where: list[str], centers: frozenset[str] | None
) -> "Question":
    """The question, checked. Raises ApiError 404 for a figure and 422 for a cut or condition that is not defined."""
    from fixtrail.reports.figures.answer import Question
    from fixtrail.reports.figures.catalogue import UndefinedError, definition_of, parse_conditions
    from fixtrail.reports.options import Options

    try:
        definition_of(name)
    except UndefinedError as error:
        raise ApiError(404, "not-found", f"The nearest figure is {error.nearest}.", nearest=error.nearest) from None
    try:
        question = Question(name, Options(datetime.now(UTC), *cut), parse_conditions(where), centers)
        question.check()
    except UndefinedError as error:
        detail = f"A cut or a condition is not defined; the nearest is {error.nearest}."
        raise ApiError(422, "invalid-request", detail, nearest=error.nearest) from None
    except ValueError:
        detail = "Conditions are written `center=east-01`; lane, origin and group cannot be combined with another cut."
        raise ApiError(422, "invalid-request", detail) from None
    return question
