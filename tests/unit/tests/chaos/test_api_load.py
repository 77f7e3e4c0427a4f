"""The share of a chaos run's load that comes through the API."""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import orjson
import pytest

from tests.chaos import checker
from tests.chaos.api_load import TYPES, ApiLoad, split
from tests.chaos.load import Log, Sent, records_of


@pytest.fixture(scope="module")
def records() -> list[Sent]:
    return records_of(1, 3_000)


@pytest.fixture(scope="module")
def through_api(records: list[Sent]) -> list[Sent]:
    return split(records)[1]


class Server(HTTPServer):
    """An event API that answers with these statuses in turn, then accepts all; what it was asked, by body."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = list(statuses)
        self.bodies: Counter[bytes] = Counter()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.bodies[self.rfile.read(int(self.headers["content-length"]))] += 1
        status = self.server.statuses.pop(0) if self.server.statuses else 202
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the test reads what was asked."""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(*getattr(request, "param", ()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def load_of(server: Server, records: list[Sent], log: Log) -> ApiLoad:
    load = ApiLoad(f"http://127.0.0.1:{server.server_port}", "ftk_1_secret", records, 1_000, log)
    load.start()
    load.join(30)
    assert not load.is_alive()
    return load


def test_every_record_is_sent_one_way(records: list[Sent]):
    produced, through_api = split(records)

    assert Counter(map(id, [*produced, *through_api])) == Counter(map(id, records))
    assert len(through_api) > 100


def test_the_api_is_given_what_comes_once_and_has_nothing_personal(through_api: list[Sent]):
    assert {record.event["type"] for record in through_api if record.event} == TYPES
    assert len({record.value for record in through_api}) == len(through_api)


@pytest.mark.parametrize("server", [(503, 429, 504)], indirect=True)
def test_what_the_server_cannot_take_now_is_sent_again(server: Server, through_api: list[Sent]):
    log = Log()
    load = load_of(server, through_api[:5], log)

    assert load.failed is None
    assert set(server.bodies) == {record.value for record in through_api[:5]}
    assert (len(log.accepted), server.bodies.total()) == (5, 8)
    assert log.repeated == Counter({"503": 1, "429": 1, "504": 1})


@pytest.mark.parametrize("server", [(422,)], indirect=True)
def test_a_good_event_that_is_refused_fails_the_run(server: Server, through_api: list[Sent]):
    load = load_of(server, through_api[:1], Log())

    assert isinstance(load.failed, RuntimeError)
    assert "422" in str(load.failed)


def test_an_event_that_was_accepted_and_is_nowhere_breaks_the_promise(server: Server, through_api: list[Sent]):
    log = Log()
    load_of(server, through_api[:2], log)
    # As an API writes it that puts the fields in another order, and once more after an answer that was lost.
    event = orjson.dumps(orjson.loads(through_api[0].value or b""), option=orjson.OPT_SORT_KEYS)
    record = SimpleNamespace(key=through_api[0].key, value=event)
    records = {(0, 0): record, (0, 1): record}

    sent = checker.sent_by_position(records, log)
    assert sent == {(0, 0): through_api[0], (0, 1): through_api[0]}
    (difference,) = checker.topic_differences(records, sent, log)
    assert "accepted by the API and is not there" in difference
    assert through_api[1].event and through_api[1].event["event_id"] in difference


def test_a_record_that_nobody_sent_breaks_the_promise(through_api: list[Sent]):
    records = {(0, 7): SimpleNamespace(key=through_api[0].key, value=through_api[0].value)}

    assert list(checker.topic_differences(records, checker.sent_by_position(records, Log()), Log())) == [
        "(0, 7) was never sent"
    ]
