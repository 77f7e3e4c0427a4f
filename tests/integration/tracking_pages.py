"""Tracking pages that are really served, for orders that a test publishes."""

from collections.abc import Iterator
from typing import Any

import pytest

from fixtrail.web.tracking import routes
from tests.pages import PageServer
from tests.workshop import (
    approved,
    checked_in,
    diagnosis_started,
    order_after,
    part,
    quoted,
    repair,
)

CENTERS = """
[[center]]
id = "C1"
name = "上海浦东服务中心"
name_en = "Shanghai Pudong"
region = "East"
phone = "+86 21 5555 0100"

[[center]]
id = "C-REPAIR"
name = "成都"
region = "West"
tells_ready = "repair"

[[center]]
id = "C-PROOF"
name = "北京"
region = "North"
tells_ready = "proof"
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with PageServer(tmp_path_factory.mktemp("pages"), centers=CENTERS) as serving:
        yield serving


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a form sends never shows here, so no form waits for it."""
    monkeypatch.setattr(routes, "SHOWN_WITHIN_S", 0.02)


def fact(order_id: str, *events: dict[str, Any], version: int | None = None, **changed: Any) -> dict[str, Any]:
    """The fact of an order after the events of the workshop's R1."""
    return {
        **order_after(*events),
        "order_id": order_id,
        **({} if version is None else {"version": version, "event_count": version}),
        **changed,
    }


def visit(order_id: str, **changed: Any) -> dict[str, Any]:
    """A car that waits for the answer to its quote."""
    return fact(order_id, checked_in("08:00"), diagnosis_started("08:20"), quoted("08:40"), **changed)


def whole_visit() -> list[dict[str, Any]]:
    return [
        checked_in("08:00", promised="12:00"),
        diagnosis_started("08:20"),
        quoted("08:40"),
        approved("09:00"),
        part("requested", "09:05"),
        part("backordered", "09:10", expected_at="2026-03-02T11:00:00Z"),
        part("fulfilled", "10:40"),
        repair("started", "10:45"),
        repair("completed", "11:30"),
    ]
