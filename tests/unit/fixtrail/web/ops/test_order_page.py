"""An order's page: money, parts, the customer's link and who may have it, one row a milestone, in both languages."""

import re
from typing import Any, get_args

import pytest

from fixtrail.settings import ClickHouseSettings
from fixtrail.web.clickhouse import query_runner
from fixtrail.web.ops.notice_rows import notice_rows, reason_in
from fixtrail.web.staff.page_frame import catalogue, words
from schemas.events import EVENT_TYPES
from tests.staff import Staff, staff
from tests.unit.fixtrail.web.ops.test_pages import ACCOUNTS, ENGLISH
from tests.workshop import approved, checked_in, diagnosis_started, ms, part, quoted

HOME = "https://service.example.com"
HERE = {"order_id": "R-HERE", "vehicle_id": "VIN-CANARY", "center_id": "C1"}


def send(milestone: str, event_id: str, channel: str, state: str, reason: str = "") -> dict[str, Any]:
    at = "2026-03-02T08:00:00Z"
    return {
        **{"milestone": milestone, "event_id": event_id, "occurred_at": at, "channel": channel, "state": state},
        **{"reason": reason, "told": "hello", "held_for": "", "due_at": None, "final_at": at},
    }


def test_a_milestone_is_one_row_with_what_became_of_it_on_each_channel():
    log = [
        send("ready", "e1", "wechat", "SENT"),
        send("ready", "e1", "mailto", "SUPPRESSED", "channel mailto is not set up"),
        send("quote_ready", "e2", "wechat", "SUPERSEDED", "made pointless by a later milestone: ready"),
    ]
    ready, quote = notice_rows(log, words("zh-CN"))
    assert [(outcome.channel, outcome.text) for outcome in ready.outcomes] == [
        ("wechat", "hello"),
        ("mailto", "渠道“邮件”未配置"),
    ]
    assert (ready.was_sent, quote.was_sent) == (True, False)
    assert quote.outcomes[0].text == "已被后来的里程碑取代：可取车"
    assert notice_rows(log, words("en"))[1].outcomes[0].text == "made pointless by a later milestone: ready"


@pytest.mark.parametrize(
    "reason",
    [
        "no address",
        "too old in the end: minimum gap",
        "quiet hours until it would have been too late",
        "no clear answer, and then it was not to be sent again: the car is being worked on again",
        "no consent: this milestone is not wanted",
        "the part has come, was called off, or is expected at another time by now",
    ],
)
def test_a_reason_is_chinese_throughout_on_a_chinese_page(reason: str):
    assert re.search("[A-Za-z]", reason_in(reason, words("zh-CN"))) is None
    assert reason_in(reason, words("en")) == reason


def test_an_id_is_asked_for_as_it_is_whatever_signs_it_has(monkeypatch: pytest.MonkeyPatch):
    requests: list[Any] = []

    def query(settings: Any, text: str, form: str, parameters: Any, **_: Any) -> Any:
        requests.append(parameters)
        return iter([b'{"order_id":"1"}\n'])

    monkeypatch.setattr("fixtrail.clickhouse.query.query", query)
    ask = query_runner(ClickHouseSettings())

    assert ask("SELECT 1", {"order": "A\\N", "groups": ["it's\n"], "least": 5}) == [{"order_id": "1"}]
    assert requests == [{"order": "A\\\\N", "groups": "['it\\'s\\n']", "least": "5"}]


def test_every_event_type_and_phase_has_a_name():
    phases = {phase for model in EVENT_TYPES.values() for phase in _phases(model)}
    names = catalogue()["zh-CN"].keys()
    assert {f"event.{name}" for name in EVENT_TYPES} <= names
    assert {f"phase.{name}" for name in phases} <= names


def _phases(model: Any) -> tuple[str, ...]:
    field = model.model_fields.get("phase")
    return get_args(field.annotation) if field else ()


@pytest.fixture
def board(tmp_path) -> Staff:
    board = staff(tmp_path, ACCOUNTS, now=ms("09:00"), public_url=HOME)
    board.know(
        checked_in("08:00", **HERE),
        diagnosis_started("08:05", **HERE),
        quoted("08:10", **HERE),
        approved("08:20", **HERE),
        part("requested", "08:25", **HERE, part_no="P-77"),
        part("backordered", "08:30", **HERE, part_no="P-77", expected_at="2026-03-02T11:00:00Z"),
    )
    return board


async def test_money_and_expected_parts_are_there_for_all_and_the_customers_link_for_managers(board):
    pages = {}
    for name in ("look", "lin"):
        with board.browser(HOME, headers=ENGLISH) as browser:
            await browser.sign_in(name)
            pages[name] = (await browser.get("/ops/orders/R-HERE")).text
    for page in pages.values():
        assert "approved <b>" in page
        assert "P-77" in page
        assert "03-02 11:00" in page
    assert re.search(r'id="customer-link" readonly value="(https://service\.example\.com/t/[^"]+)"', pages["lin"])
    assert "VIN-CANARY" in pages["lin"]
    assert "customer-link" not in pages["look"]
    assert "VIN-CANARY" not in pages["look"]
