"""The board's pages: who sees what, what a manager may do, and what is shown while a database is away."""

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from fixtrail.web.board.alerts import KEPT_CLOSED_MS, BoardAlerts
from fixtrail.web.board.boards import without_ticks
from fixtrail.web.events import NotAcknowledgedError
from fixtrail.web.ops.pages import board_stream
from schemas.facts import Alert
from tests.staff import Staff, record, staff
from tests.workshop import approved, checked_in, ms, part, repair

ACCOUNTS = [
    ("chief", "viewer", ("*",)),
    ("lin", "manager", ("C1",)),
    ("look", "viewer", ("C1",)),
    ("boss", "admin", ("*",)),
]
ENGLISH = {"accept-language": "en"}
HERE = {"order_id": "R-HERE", "vehicle_id": "V1", "center_id": "C1"}
THERE = {"order_id": "R-THERE", "vehicle_id": "V2", "center_id": "C2", "lane": "quick"}


@pytest.fixture
def board(tmp_path) -> Staff:
    board = staff(tmp_path, ACCOUNTS, now=ms("09:00"))
    board.know(checked_in("08:00", **HERE), checked_in("08:40", **THERE))
    return board


def an_alert(alert_id: str, center_id: str | None = "C1", **changed: Any) -> dict[str, Any]:
    expected = {
        "alert_id": alert_id,
        "rule": "wait-reception",
        "kind": "wait",
        "severity": "warning",
        "subject": "R-HERE",
        "order_id": "R-HERE",
        "center_id": center_id,
        "lane": "standard",
        "opening": "x",
        "since": ms("08:00"),
        "opened_at": ms("08:30"),
        "value": None,
        "limit": 30,
        "unit": "minutes",
        "level": 0,
        "version": 1,
    }
    return Alert.model_validate({**expected, **changed}).model_dump(mode="json")


async def test_all_centers_are_seen_at_a_glance(board):
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("chief")
        page = (await browser.get("/ops")).text
        for text in ("Pudong", "Chaoyang", "R-HERE", "R-THERE", "30:00", "20:00", "late by"):
            assert text in page


async def test_whoever_may_see_one_center_finds_nothing_of_another_anywhere(board):
    board.web.ops.alerts.apply([record("a", an_alert("a")), record("b", an_alert("b", "C2", order_id="R-THERE"))])
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        for path in ("/ops", "/ops?center=C2", "/ops?region=North", "/ops?wall=1", "/ops?lane=quick"):
            page = (await browser.get(path)).text
            assert "R-THERE" not in page
            assert "Chaoyang" not in page
            assert "C2" not in page.replace("center=C2", "")
        assert "R-HERE" in (await browser.get("/ops")).text
        assert (await browser.get("/ops/orders/R-HERE")).status_code == 200
        assert (await browser.get("/ops/orders/R-THERE")).status_code == 404
        assert (await browser.get("/ops/centers/C1")).status_code == 200
        assert (await browser.get("/ops/centers/C2")).status_code == 404
        assert (await browser.send("/ops", "/ops/alerts/b/acknowledge")).status_code == 404
        # Reports are about all centers.
        assert (await browser.get("/analysis")).status_code == 403
        assert (await browser.get("/analysis/kpi")).status_code == 403
        assert (await browser.get("/analysis/kpi/report.json")).status_code == 403


async def test_an_order_of_another_center_and_none_at_all_look_alike(board):
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        there, none = await browser.get("/ops/orders/R-THERE"), await browser.get("/ops/orders/R-NONE")
        assert there.status_code == none.status_code == 404
        assert there.text.replace("R-THERE", "R-NONE") == none.text


@pytest.mark.parametrize(
    ("query", "shown_text", "not_seen"),
    [
        ("?region=North", "R-THERE", "R-HERE"),
        ("?wave=1", "R-HERE", "R-THERE"),
        ("?center=C2", "R-THERE", "R-HERE"),
        ("?lane=quick", "R-THERE", "R-HERE"),
        ("?lane=standard&region=East", "R-HERE", "R-THERE"),
    ],
)
async def test_the_filter_is_in_the_address(board, query, shown_text, not_seen):
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("chief")
        page = (await browser.get(f"/ops{query}")).text
        assert shown_text in page
        assert not_seen not in page


async def test_the_board_works_and_says_so_while_clickhouse_is_away(board):
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("chief")
        page = (await browser.get("/ops")).text
        assert "The analysis database does not answer" in page
        assert "R-HERE" in page
        order = (await browser.get("/ops/orders/R-HERE")).text
        assert "the events cannot be shown" in order
        assert "checked in" in order
        assert "The analysis database does not answer" in (await browser.get("/ops/centers/C1")).text


async def test_hostile_ids_are_inert(tmp_path):
    evil = '"><script>alert(1)</script>'
    board = staff(tmp_path, ACCOUNTS, now=ms("10:00"))
    board.know(
        checked_in("08:00", order_id=evil, vehicle_id="V1", center_id=evil),
        part("requested", "08:01", order_id=evil, vehicle_id="V1", center_id=evil, part_no=evil, urgency="emergency"),
        part("backordered", "08:02", order_id=evil, vehicle_id="V1", center_id=evil, part_no=evil),
    )
    board.web.ops.alerts.apply([record("a", an_alert("a", evil, subject=evil, order_id=evil))])
    with board.browser() as browser:
        await browser.sign_in("chief")
        for path in ("/ops", "/ops?region=" + evil, "/ops?wall=1", f"/ops/centers/{evil.replace('/', '%2F')}"):
            page = (await browser.get(path)).text
            assert "<script>alert" not in page


@pytest.mark.parametrize("odd", ["A/B 1?x=2#y%20&ü", "../x/../../y", "%2e%2e%2f", "a//b"])
async def test_any_id_of_an_order_or_center_can_be_opened_by_its_link(tmp_path, odd):
    board = staff(tmp_path, ACCOUNTS, now=ms("10:00"))
    board.know(checked_in("09:00", order_id=odd, vehicle_id="V1", center_id=odd))
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("chief")
        links = set(re.findall(r'href="(/ops/(?:orders|centers)/[^"]+)"', (await browser.get("/ops")).text))
        assert len(links) == 4
        for link in links:
            # A browser would go up at a segment of two dots.
            assert not {"..", "."} & set(link.partition("?")[0].split("/"))
            opened = await browser.get(link.replace("&amp;", "&"))
            assert opened.status_code == 200, link
            for language in re.findall(r'href="([^"]+)"[^>]*lang="', opened.text):
                in_language = await browser.get(language.replace("&amp;", "&"))
                assert in_language.status_code == 200, language


class Kafka:
    """Keeps what is sent; or does not acknowledge."""

    def __init__(self, away: bool = False) -> None:
        self.sent: list[tuple[str, bytes, dict[str, Any]]] = []
        self.away = away

    async def write(self, value: bytes, key: bytes, headers: object = (), topic: str = "") -> None:
        if self.away:
            raise NotAcknowledgedError("away")
        self.sent.append((topic, key, json.loads(value)))


def with_kafka(board: Staff, **options: bool) -> Kafka:
    kafka = Kafka(**options)
    board.web = replace(board.web, events=kafka)
    return kafka


async def test_a_manager_takes_care_of_an_alert_and_a_viewer_cannot(board):
    kafka = with_kafka(board)
    board.web.ops.alerts.apply([record("a", an_alert("a"))])
    with board.browser(headers=ENGLISH) as viewer, board.browser(headers=ENGLISH) as manager:
        await viewer.sign_in("look")
        page = (await viewer.get("/ops")).text
        assert "long wait" in page
        assert "Acknowledge" not in page
        assert (await viewer.send("/ops", "/ops/alerts/a/acknowledge")).status_code == 403
        assert kafka.sent == []
        await manager.sign_in("lin")
        done = await manager.send(
            "/ops", "/ops/alerts/a/acknowledge", note=" called the\n customer ", back="/ops?lane=quick"
        )
        assert (done.status_code, done.headers["location"]) == (303, "/ops?lane=quick")
        texts = {
            "alert_id": "a",
            "acknowledged_at": ms("09:00"),
            "acknowledged_by": "lin",
            "identity": "lin",
            "via": "password",
            "note": "called the customer",
        }
        assert kafka.sent == [("alert-acks", b"a", texts)]
        assert "acknowledged by lin" in (await manager.get("/ops")).text
        assert (await manager.send("/ops", "/ops/alerts/none/acknowledge")).status_code == 404


async def test_an_acknowledgement_that_kafka_has_not_taken_is_not_shown_as_one(board):
    with_kafka(board, away=True)
    board.web.ops.alerts.apply([record("a", an_alert("a"))])
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        back = await browser.send("/ops", "/ops/alerts/a/acknowledge")
        assert back.headers["location"] == "/ops?trouble=not_sent"
        page = (await browser.get(back.headers["location"])).text
        assert "could not be sent" in page
        assert "acknowledged by" not in page


def test_an_alert_is_known_by_its_newest_version_and_let_go_hours_after_it_closed():
    alerts = BoardAlerts()
    closed = an_alert("a", version=2, closed_at=ms("09:00"), closed_by="condition", ended_at=ms("09:00"))
    alerts.apply([record("a", closed), record("a", an_alert("a", version=1)), record("b", an_alert("b"))])
    alerts.expire(ms("09:00") + KEPT_CLOSED_MS)
    assert [(alert.alert_id, alert.state) for alert in alerts.all()] == [("b", "open"), ("a", "closed")]
    alerts.apply([record("c", an_alert("c", severity="critical"))])
    alerts.expire(ms("09:00") + KEPT_CLOSED_MS + 1)
    assert [alert.alert_id for alert in alerts.all()] == ["c", "b"]
    # What cannot be read stops nothing.
    alerts.apply([record("d", {"alert_id": "d"}), record("e", an_alert("e"))])
    assert {alert.alert_id for alert in alerts.all()} == {"b", "c", "e"}


class Reader:
    """Reads the board's stream as a browser does, event by event."""

    def __init__(self, board: Staff, cookies: dict[str, str], query: str = "") -> None:
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/ops/stream",
            "query_string": query.encode(),
            "headers": [(b"cookie", cookie.encode()), (b"accept-language", b"en")],
            "client": ("192.0.2.7", 1),
            "app": board.app,
            "scheme": "http",
            "server": ("board.test", 80),
        }
        from starlette.requests import Request

        self._request = Request(scope)
        self._events: Any = None

    async def next(self, kind: str = "board") -> dict[str, Any]:
        """The next event of a kind; fails after five seconds."""
        if self._events is None:
            self._events = (await board_stream(self._request)).body_iterator
        async with asyncio.timeout(5):
            while True:
                name, _, data = (await anext(self._events)).decode().partition("\n")
                if name == f"event: {kind}":
                    return json.loads(data.removeprefix("data: "))


@pytest.fixture
def quick_stream(monkeypatch):
    monkeypatch.setattr("fixtrail.web.ops.pages.LEAST_S", 0.01)
    monkeypatch.setattr("fixtrail.web.ops.pages.LOOK_EVERY_S", 0.2)
    monkeypatch.setattr("fixtrail.web.board.boards.CACHE_MS", -1)


async def test_a_change_reaches_an_open_board_in_the_pieces_that_it_changes(board, quick_stream):
    with board.browser() as browser:
        await browser.sign_in("chief")
        reader = Reader(board, dict(browser.client.cookies.items()))
        first = await reader.next()
        assert set(first["pieces"]) == {"state", "totals", "alerts", "centers", "waiting"}
        assert "R-HERE" in first["pieces"]["waiting"]
        board.know(checked_in("08:00", **HERE), approved("08:50", **HERE), repair("started", "08:55", **HERE))
        second = await reader.next()
        assert "R-HERE" not in second["pieces"]["waiting"]
        assert "alerts" not in second["pieces"]
        board.web.ops.alerts.apply([record("a", an_alert("a"))])
        third = await reader.next()
        assert "long wait" in third["pieces"]["waiting"]
        assert "centers" not in third["pieces"]


async def test_a_stream_shows_its_own_centers_alone_and_ends_with_its_session(board, quick_stream):
    with board.browser() as browser:
        await browser.sign_in("lin")
        reader = Reader(board, dict(browser.client.cookies.items()))
        assert "R-THERE" not in str(await reader.next())
        board.web.ops.access.sessions.end_all("lin")
        await reader.next("bye")


def test_time_that_runs_is_no_change():
    ticking = '<p><time class="tick" data-since="5">1:00</time> x</p>'
    assert without_ticks(ticking) == without_ticks(ticking.replace("1:00", "1:01"))
    assert without_ticks(ticking) != without_ticks(ticking.replace("5", "6"))


def test_every_milestone_and_outcome_that_there_is_has_a_name():
    from fixtrail.web.staff.page_frame import catalogue
    from sinks.push.ledger import ledger
    from streams.journey.clock_notices import BY_CLOCK
    from streams.journey.notices import MILESTONES

    texts = catalogue()["en"]
    assert {f"milestone.{name}" for name in (*MILESTONES, *BY_CLOCK)} <= texts.keys()
    states = (ledger.PLANNED, ledger.HELD, ledger.RETRY, ledger.INTENT, *ledger.FINAL)
    assert {f"outcome.{state}" for state in states} <= texts.keys()


async def test_employees_in_clear_are_shown_to_managers_alone(tmp_path):
    event = {
        **dict.fromkeys(("phase", "received", "bay_id", "job_id", "request_id", "part_no")),
        **{"event_id": "e", "type": "repair", "at": ms("08:00"), "technician_id": "T-CANARY", "center_id": "C1"},
    }
    order = {"order_id": "R-HERE", "vehicle_key": "K", "center_id": "C1", "last_ms": ms("08:00")}

    def rows(query: str, _: Any = None) -> list[dict[str, Any]]:
        return [event] if "FROM events" in query else [order] if "FROM orders" in query else []

    board = staff(tmp_path, ACCOUNTS, rows=rows, now=ms("09:00"), staff_ids="clear")
    board.know(checked_in("08:00", **HERE))
    for name, is_shown in (("look", False), ("chief", False), ("boss", True)):
        with board.browser(headers=ENGLISH) as browser:
            await browser.sign_in(name)
            assert ("T-CANARY" in (await browser.get("/ops/orders/R-HERE")).text) == is_shown


@pytest.mark.parametrize("path", ["/foo", "/ops/nothing", "/analysis/kpi/a/b"])
async def test_an_address_that_there_is_not_is_a_page_in_the_readers_language(board, path):
    for language, text in (("en", "There is no such page"), ("zh-CN", "没有这个页面")):
        with board.browser(headers={"accept-language": language}) as browser:
            for signed_in in (False, True):
                if signed_in:
                    await browser.sign_in("chief")
                answer = await browser.get(path)
                assert answer.status_code == 404
                assert answer.headers["content-type"].startswith("text/html")
                assert text in answer.text
                assert ("/logout" in answer.text) == signed_in


async def test_a_center_whose_hours_nobody_knows_is_told_of(board):
    """Its waits are wall time (CONTRACT section 2), which nobody must take for opening time."""
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("chief")
        assert "opening hours of" not in (await browser.get("/ops")).text
        board.know(checked_in("08:00", order_id="R-NEW", vehicle_id="V3", center_id="C-NEW"))
        board.web.boards.forget()
        assert "The opening hours of 1 centers are not known" in (await browser.get("/ops")).text
