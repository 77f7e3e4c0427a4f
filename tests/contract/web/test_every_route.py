"""Every route of the application by who may use it. A route that stands in no table here fails the first test."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixtrail.web.api.command import add_key
from fixtrail.web.api.keys import SCOPES
from fixtrail.web.stories.links import StoryLinks
from runtime.clock import now_ms
from schemas.call_request import CallRequest
from schemas.order_key import OrderKey
from tests.staff import PASSWORD, Browser, Staff, record, staff, token_of
from tests.unit.fixtrail.web.ops.test_pages import an_alert
from tests.web_routes import WebRoute, routes_of
from tests.workshop import checked_in, complained, handed_off, ms, quoted, surveyed

# Name, role and centers of each account.
ACCOUNTS = [
    ("look", "viewer", ("C1",)),
    ("chief", "viewer", ("*",)),
    ("quality", "quality", ("C1",)),
    ("lin", "manager", ("C1",)),
    ("boss", "admin", ("*",)),
]
NOBODY: frozenset[str] = frozenset()
VIEWERS = frozenset(name for name, _, _ in ACCOUNTS)
MANAGERS = frozenset({"lin", "boss"})
OF_ALL_CENTERS = frozenset({"chief", "boss"})

# Which accounts each page lets in.
STAFF: dict[str, frozenset[str]] = {
    "GET /ops": VIEWERS,
    "GET /ops/account": VIEWERS,
    "GET /ops/account/second-factor": VIEWERS,
    "GET /ops/accounts": frozenset({"boss"}),
    "GET /ops/alive": VIEWERS,
    "GET /ops/centers/{center_id}": VIEWERS,
    "GET /ops/orders/{order_id}": VIEWERS,
    "GET /ops/stream": VIEWERS,
    "GET /ops/voices": VIEWERS,
    "GET /ops/voices/case": VIEWERS,
    "GET /analysis": OF_ALL_CENTERS,
    "GET /analysis/orders": OF_ALL_CENTERS,
    "GET /analysis/report.css": OF_ALL_CENTERS,
    "GET /analysis/{name}": OF_ALL_CENTERS,
    "GET /analysis/{name}/{file}": OF_ALL_CENTERS,
    "POST /logout": VIEWERS,
    "POST /ops/account/password": VIEWERS,
    "POST /ops/account/second-factor": VIEWERS,
    "POST /ops/account/second-factor/off": VIEWERS,
    "POST /ops/account/sessions": VIEWERS,
    "POST /ops/accounts/sign-out": frozenset({"boss"}),
    "POST /ops/alerts/acknowledge": MANAGERS | {"quality"},
    "POST /ops/alerts/{alert_id}/acknowledge": MANAGERS,
    "POST /ops/calls/called": MANAGERS,
    "POST /ops/voices/record": MANAGERS,
}
# What each route of the interface asks of a key; None where any key will do.
SCOPE_OF: dict[str, str | None] = {
    "GET /v1/centers/{center_id}/open": "centers:read",
    "GET /v1/estimates": "centers:read",
    "GET /v1/figures": "figures:read",
    "GET /v1/figures/{name}": "figures:read",
    "GET /v1/orders/{order_id}": "orders:read",
    "GET /v1/requests": None,
    "POST /v1/consents": "consents:write",
    "POST /v1/events": "events:write",
    "POST /v1/reference": "events:write",
}
BY_LINK = (
    *("GET /story/{token}", "GET /t/{token}", "GET /t/{token}/app.webmanifest", "GET /t/{token}/live"),
    *("GET /t/{token}/messages", "POST /t/{token}", "POST /t/{token}/messages", "POST /t/{token}/push"),
    *("POST /t/{token}/push/state", "POST /t/{token}/push/stop"),
)
# For everybody: nothing of any order, person or center is there.
OPEN = (
    *("GET /", "GET /login", "GET /login/oidc", "GET /login/oidc/callback", "GET /v1/docs", "GET /v1/openapi.json"),
    *("POST /login", "POST /login/code"),
)
GET_ALONE = ("GET /login/oidc", "GET /login/oidc/callback")
STREAMS = ("GET /ops/stream", "GET /t/{token}/live")

OURS, THEIRS = OrderKey("C1", "R-1"), OrderKey("C2", "ORDER-CANARY")
HERE = {"order_id": "R-1", "vehicle_id": "V1", "center_id": "C1"}
THERE = {"order_id": "R-2", "vehicle_id": "V2", "center_id": "C2"}
# What was not in the request itself.
LEAK = re.compile(r"(?<!ORDER-)(?<!COMPLAINT-)(?<!ALERT-)CANARY|R-2\b")
CANARY = {"vehicle_id": "VIN-CANARY", "center_id": "C2", "order_id": "ORDER-CANARY"}


@pytest.fixture
def board(tmp_path: Path) -> Staff:
    """One order at C1; at C2 one, and everything that can be there of a second one, with a mark in every text."""
    board = staff(tmp_path, ACCOUNTS, now=ms("15:00"), public_url="http://board.test")
    board.know(
        checked_in("08:00", **HERE),
        quoted("08:30", **HERE),
        checked_in("08:00", **THERE),
        checked_in("08:10", **CANARY, customer_id="CUSTOMER-CANARY"),
        handed_off("11:00", **CANARY),
        surveyed("12:00", score=1, event_id="SURVEY-CANARY", reasons=["REASON-CANARY"], **CANARY),
        complained("12:30", event_id="COMPLAINT-CANARY", category="CATEGORY-CANARY", severity="high", **CANARY),
    )
    alerts = [
        an_alert("a1"),
        an_alert("ALERT-CANARY", "C2", subject="SUBJECT-CANARY", order_id="ORDER-CANARY"),
        an_alert("ALL-CANARY", None, subject="EVERYWHERE-CANARY", order_id=None),
    ]
    board.web.ops.alerts.apply(record(alert["alert_id"], alert) for alert in alerts)
    board.web.ops.alerts.read.set()
    call = CallRequest(
        **{"center_id": "C2", "order_id": "R-2", "state": "asked", "asked_at": ms("09:00"), "changed_at": ms("09:00")}
    )
    board.web.calls.apply([record(OrderKey("C2", "R-2").encode().decode(), call.model_dump(mode="json"))])
    return board


def name_of(route: WebRoute) -> str:
    return f"{route.method} {route.path}"


def address(name: str, board: Staff, order: OrderKey = OURS, vehicle_id: str = "V1") -> str:
    """The path of a route for an order, with its query."""
    links = StoryLinks(*board.web.config.settings.link_keys()) if "/story" in name else board.web.links
    token = links.issue(order, now_ms()) if isinstance(links, StoryLinks) else links.issue(order, vehicle_id, now_ms())
    values = {
        "center_id": order.center_id,
        "order_id": order.order_id,
        "token": token,
        "alert_id": "a1" if order.center_id == "C1" else "ALERT-CANARY",
        "name": "wait_median" if name.startswith("GET /v1") else "kpi",
        "file": "figures.csv",
    }
    path = name.partition(" ")[2].format(**values)
    return path + {
        "GET /ops/voices/case": f"?center_id={order.center_id}&order_id={order.order_id}&case_id=COMPLAINT-CANARY",
        "GET /ops/orders/{order_id}": f"?center_id={order.center_id}",
        "GET /v1/estimates": f"?center={order.center_id}",
        "GET /v1/figures/{name}": f"?where=center%3D{order.center_id}",
    }.get(name, "")


async def ask(browser: Browser, name: str, path: str, **fields: str) -> httpx.Response:
    """The answer to a route; of a stream, which never ends, its beginning."""
    method = "HEAD" if name in STREAMS else name.partition(" ")[0]
    return await browser.client.request(method, path, **({"data": fields} if method == "POST" else {}))


def is_refused(answer: httpx.Response) -> bool:
    to_sign_in = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
    return answer.status_code in (401, 403) or to_sign_in


def test_every_route_stands_in_one_table(board: Staff):
    tables = [*STAFF, *SCOPE_OF, *BY_LINK, *OPEN]

    assert sorted(tables) == sorted(map(name_of, routes_of(board.app)))


async def test_each_page_lets_in_whom_the_table_says(board: Staff):
    let_in: dict[str, set[str]] = {name: set() for name in STAFF}
    for number, (account, _, _) in enumerate(ACCOUNTS):
        with board.browser(address=f"192.0.2.{number}") as browser:
            fields: dict[str, str] = {}
            await browser.sign_in(account)
            for name in sorted(STAFF):
                if name.startswith("POST "):
                    # The form before may have ended the session.
                    browser.client.cookies.clear()
                    await browser.sign_in(account)
                    fields = {"form_token": token_of(await browser.get("/ops")), "password": PASSWORD}
                answer = await ask(browser, name, address(name, board), **fields)
                assert answer.status_code < 500 or name.startswith("GET /analysis"), name
                if not is_refused(answer):
                    let_in[name].add(account)

    assert let_in == STAFF


async def test_a_stranger_gets_nothing_of_any_page(board: Staff):
    for name in STAFF:
        with board.browser() as browser:
            answer = await ask(browser, name, address(name, board), form_token="x")
            assert is_refused(answer), name
            assert "R-1" not in answer.text


async def test_no_form_of_another_page_or_site_is_taken(board: Staff):
    with board.browser() as browser, board.browser() as second:
        await browser.sign_in("boss")
        await second.sign_in("boss")
        of_another_session = token_of(await second.get("/ops"))
        for name in filter(lambda name: name.startswith("POST "), STAFF):
            for fields in ({}, {"form_token": ""}, {"form_token": of_another_session}):
                assert (await ask(browser, name, address(name, board), **fields)).status_code in (400, 403), name


async def test_who_is_held_to_a_center_finds_nothing_of_another_one(board: Staff):
    for account in ("look", "quality", "lin"):
        with board.browser() as browser:
            await browser.sign_in(account)
            token = token_of(await browser.get("/ops"))
            for name in STAFF:
                path = address(name, board, THEIRS, "VIN-CANARY")
                if name in ("POST /logout", *STREAMS):
                    continue
                fields = {
                    **{
                        "form_token": token,
                        "call": OrderKey("C2", "R-2").encode().decode(),
                        "alerts.x": "ALERT-CANARY",
                    },
                    **{"center_id": "C2", "order_id": "ORDER-CANARY", "case_id": "COMPLAINT-CANARY"},
                    **{"phase": "contacted", "steps": "1"},
                }
                answer = await ask(browser, name, path, **fields)
                assert not LEAK.search(answer.text), (account, name)
                if "{" in name or name in ("GET /ops/voices/case", "POST /ops/calls/called", "POST /ops/voices/record"):
                    assert answer.status_code in (403, 404), (account, name)


async def test_the_same_places_show_it_to_who_may_see_all(board: Staff):
    """The test above looks where there is something to be seen."""
    with board.browser() as browser:
        await browser.sign_in("boss")
        showing = []
        for name in filter(lambda name: name.startswith("GET /ops"), STAFF):
            if name not in STREAMS:
                path = address(name, board, THEIRS, "VIN-CANARY")
                answer = await browser.get(path)
                showing += [name] * ("CANARY" in answer.text)
    assert set(showing) >= {"GET /ops", "GET /ops/orders/{order_id}", "GET /ops/voices", "GET /ops/voices/case"}


@pytest.fixture
def keys(board: Staff) -> Iterator[dict[str, str]]:
    """A key of each scope, and one of every scope for center C1."""
    settings = board.web.config.settings
    keys = {scope: add_key(settings, "dms", scopes=[scope])[0] for scope in SCOPES}
    yield {**keys, "all": add_key(settings, "dms", scopes=list(SCOPES), centers=["C1"])[0]}


async def test_each_route_of_the_interface_asks_for_its_scope(board: Staff, keys: dict[str, str]):
    with board.browser() as browser:
        for name, scope in SCOPE_OF.items():
            method, path = name.split(" ")[0], address(name, board)
            assert (await browser.client.request(method, path)).status_code == 401, name
            for holder in SCOPES:
                answer = await browser.client.request(
                    method,
                    path,
                    headers={"authorization": f"Bearer {keys[holder]}"},
                    json={} if method == "POST" else None,
                )
                assert (answer.status_code == 403) == (scope not in (None, holder)), (name, holder, answer.text)


async def test_a_key_of_one_center_finds_nothing_of_another_one(board: Staff, keys: dict[str, str]):
    login = {"authorization": f"Bearer {keys['all']}"}
    with board.browser(headers=login) as browser:
        for name in SCOPE_OF:
            path = address(name, board, THEIRS, "VIN-CANARY")
            body: Any = surveyed("13:00", score=9, **CANARY)
            answer = await browser.client.request(name.split(" ")[0], path, json=body if "POST" in name else None)
            assert not LEAK.search(answer.text), name
            assert (
                answer.status_code in (400, 403, 404, 422)
                or name in ("GET /v1/figures", "GET /v1/requests")
                or (name == "GET /v1/figures/{name}" and answer.status_code == 503)
            ), (name, answer.status_code)


async def test_a_link_opens_its_own_order_and_a_wrong_one_nothing(board: Staff):
    with board.browser() as browser:
        for name in BY_LINK:
            path = re.sub(r"^(/\w+)/[^/]+", r"\1/nothing", address(name, board))
            answer = await ask(browser, name, path)
            assert answer.status_code == 404, name
            assert "R-1" not in answer.text


async def test_every_answer_forbids_to_keep_it_and_to_run_anything(board: Staff):
    with board.browser() as browser:
        await browser.sign_in("boss")
        for name in map(name_of, routes_of(board.app)):
            answer = await ask(browser, name, address(name, board))
            cache_control = answer.headers["cache-control"]
            assert cache_control == ("private, max-age=300" if name == "GET /analysis/report.css" else "no-store"), name
            assert "default-src 'none'" in answer.headers["content-security-policy"], name
            assert "'unsafe-eval'" not in answer.headers["content-security-policy"], name
            assert answer.headers["x-content-type-options"] == "nosniff", name


async def test_head_gives_what_get_gives_without_a_body(board: Staff):
    with board.browser() as browser:
        await browser.sign_in("boss")
        counted = dict(board.web.progress.counts)
        for name in map(name_of, routes_of(board.app)):
            if not name.startswith("GET ") or name in STREAMS:
                continue
            path = address(name, board)
            head = await browser.client.head(path)
            assert head.content == b"", name
            if name in GET_ALONE:
                # Whoever looks at a link before showing it must not use up the way back from the provider.
                assert head.status_code == 405, name
                continue
            assert board.web.progress.counts.get(("pages", "page"), 0) == counted.get(("pages", "page"), 0), name
            get = await browser.client.get(path)
            counted = dict(board.web.progress.counts)
            assert head.status_code == get.status_code, name
            assert head.headers.keys() - {"set-cookie"} == get.headers.keys() - {"set-cookie"}, name


@pytest.mark.parametrize("name", STREAMS)
async def test_head_of_a_stream_ends_at_once_and_takes_nobody_s_room(board: Staff, name: str):
    with board.browser() as browser:
        await browser.sign_in("boss")
        for _ in range(30):
            answer = await browser.client.head(address(name, board))
            assert (answer.status_code, answer.content) == (200, b"")
            assert answer.headers["content-type"].startswith("text/event-stream")
    assert board.web.gate.open_streams == 0


async def test_head_of_what_takes_forms_alone_is_refused_as_before(board: Staff):
    with board.browser() as browser:
        await browser.sign_in("boss")
        for path in ("/logout", "/ops/accounts/sign-out", "/v1/events"):
            assert (await browser.client.head(path)).status_code == 405, path
        assert (await browser.get("/ops")).status_code == 200
