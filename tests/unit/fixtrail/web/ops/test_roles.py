"""What each role may do with alerts: quality warnings are for role quality or managers, all others for managers."""

from typing import Any

import pytest

from fixtrail.web.accounts.users import ROLES, person_of
from tests.staff import record, staff
from tests.unit.fixtrail.web.ops.test_pages import an_alert
from tests.workshop import ms

WARNING = {"kind": "quality_warning", "rule": "quality-warning", "order_id": None, "unit": "cases", "value": 9.0}


class Acknowledgements:
    """Keeps what is sent to Kafka."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def write(self, value: bytes, key: bytes, **_: Any) -> None:
        self.keys.append(key.decode())


@pytest.fixture
def board(tmp_path, monkeypatch):
    board = staff(tmp_path, [(role, role, ("*",)) for role in ROLES], now=ms("09:00"))
    alerts = [an_alert("w", None, **WARNING), an_alert("a")]
    board.web.ops.alerts.apply(record(alert["alert_id"], alert) for alert in alerts)
    board.web.ops.alerts.read.set()
    board.web.journeys.read.set()
    return board


@pytest.mark.parametrize(
    ("role", "quality_warning", "other_status"),
    [("viewer", 403, 403), ("quality", 303, 403), ("manager", 303, 303), ("admin", 303, 303)],
)
async def test_who_may_acknowledge_what(board, monkeypatch, role, quality_warning, other_status):
    kafka = Acknowledgements()
    monkeypatch.setattr(type(board.web.events), "write", kafka.write)
    with board.browser() as browser:
        await browser.sign_in(role)
        page = (await browser.get("/ops")).text
        assert ('name="alerts.w"' in page, 'name="alerts.a"' in page) == (quality_warning == 303, other_status == 303)
        assert (await browser.send("/ops", "/ops/alerts/w/acknowledge")).status_code == quality_warning
        assert (await browser.send("/ops", "/ops/alerts/a/acknowledge")).status_code == other_status
    assert kafka.keys == ["w"] * (quality_warning == 303) + ["a"] * (other_status == 303)


async def test_of_many_that_are_ticked_only_those_that_are_theirs_count(board, monkeypatch):
    kafka = Acknowledgements()
    monkeypatch.setattr(type(board.web.events), "write", kafka.write)
    with board.browser() as browser:
        await browser.sign_in("quality")
        await browser.send("/ops", "/ops/alerts/acknowledge", **{"alerts.w": "w", "alerts.a": "a"})
    assert kafka.keys == ["w"]


def test_no_role_but_quality_holds_quality():
    assert [role for role in ROLES if person_of("x", role, ("*",)).has("quality")] == ["quality"]
    assert [role for role in ROLES if person_of("x", role, ("*",)).has("manager")] == ["manager", "admin"]
    assert all(person_of("x", role, ("*",)).has("viewer") for role in ROLES)
