"""Figures as other systems ask for them: defined ones only, and of the key's centers alone."""

from datetime import date
from typing import Any

import pytest

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.figures.answer import Question
from runtime.failure import ExitError
from tests.event_api import Api, api, problem_of

__all__ = ["api"]


@pytest.fixture
def questions(api: Api) -> list[Question]:
    """What ClickHouse was asked for."""
    computed: list[Question] = []

    def compute(question: Question) -> dict[str, Any]:
        computed.append(question)
        return {"figure": question.figure, "answers": []}

    api.state.figures.compute = compute
    return computed


async def test_the_figures_are_those_of_the_reports(api: Api):
    answer = await api.get("/figures", key=api.key(scopes=["figures:read"]))

    assert [figure["figure"] for figure in answer.json()] == list(DEFINITIONS)


async def test_a_figure_is_asked_for_by_cut_days_and_conditions(api: Api, questions: list[Question]):
    key = api.key(scopes=["figures:read"])

    answer = await api.get("/figures/ftfr?by=center&from=2026-03-01&to=2026-03-31&where=region=north", key=key)

    assert (answer.status_code, answer.json()["figure"]) == (200, "ftfr")
    (question,) = questions
    assert (question.options.since, question.options.until) == (date(2026, 3, 1), date(2026, 3, 31))
    assert (question.options.by, question.conditions) == ("center", {"region": ("north",)})
    assert question.centers is None


async def test_a_key_of_some_centers_gets_the_figure_of_these(api: Api, questions: list[Question]):
    await api.get("/figures/nps", key=api.key(scopes=["figures:read"], centers=["C2"]))

    assert questions[0].centers == {"C2"}


async def test_what_is_not_defined_is_refused_with_the_nearest(api: Api, questions: list[Question]):
    key = api.key(scopes=["figures:read"])

    figure, cut = await api.get("/figures/nps_score", key=key), await api.get("/figures/nps?by=centre", key=key)

    assert (problem_of(figure), figure.status_code, figure.json()["nearest"]) == ("not-found", 404, "nps")
    assert (problem_of(cut), cut.status_code, cut.json()["nearest"]) == ("invalid-request", 422, "center")
    assert questions == []


@pytest.mark.parametrize(
    "query", ["where=quick", "by=center&where=lane=quick", "from=yesterday", "from=2026-03-02&to=2026-03-01"]
)
async def test_what_cannot_be_asked_is_refused(api: Api, questions: list[Question], query: str):
    answer = await api.get(f"/figures/nps?{query}", key=api.key(scopes=["figures:read"]))

    assert (problem_of(answer), answer.status_code, questions) == ("invalid-request", 422, [])


@pytest.mark.parametrize("path", ["/figures", "/figures/nps"])
async def test_a_key_without_the_scope_reads_no_figures(api: Api, path: str):
    assert (await api.get(path, key=api.key(scopes=["orders:read"]))).status_code == 403


async def test_without_clickhouse_the_answer_is_to_come_again(api: Api, questions: list[Question]):
    def away(_: Question) -> dict[str, Any]:
        raise ExitError("ClickHouse cannot be reached")

    api.state.figures.compute = away
    answer = await api.get("/figures/nps", key=api.key(scopes=["figures:read"]))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


async def test_one_figure_is_computed_at_a_time(api: Api, questions: list[Question]):
    async with api.state.figures.computing:
        answer = await api.get("/figures/nps", key=api.key(scopes=["figures:read"]))

    assert (problem_of(answer), questions) == ("busy", [])
