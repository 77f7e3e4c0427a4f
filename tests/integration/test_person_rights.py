"""A customer among many is exported, restricted and erased: no figure changes, and nothing brings them back."""

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.stack import Row, Stack, wait_for

Sent = dict[str, Any]

CANARIES = ("CANARY", "13800138000", "canary@example.com")
CUSTOMER = "C-CANARY-77"
CONTACT = ["wechat:CANARY-BOX", "sms:+8613800138000", "mailto:canary@example.com"]
ORDERS = ("P-1", "P-2")
# Just now: of what is old nobody is told any more.
LEFT_AT = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def visit(number: int, order_id: str, vehicle_id: str, customer_id: str, **personal: Any) -> list[Sent]:
    """A closed visit with a survey, told in the past."""
    day = f"2026-03-{number % 27 + 1:02d}"
    common = {"order_id": order_id, "vehicle_id": vehicle_id, "center_id": "east-01"}
    steps: list[tuple[str, str, Sent]] = [
        ("check_in", "08:00", {"customer_id": customer_id, "lane": "standard", **personal}),
        ("diagnosis", "08:20", {"phase": "started"}),
        ("diagnosis", "08:40", {"phase": "completed", "fault_groups": [f"G{number % 3}"]}),
        ("repair", "09:00", {"phase": "started", "job_id": "J", "technician_id": f"T{number % 4}"}),
        ("repair", "10:00", {"phase": "completed", "job_id": "J"}),
        ("handoff", "11:00", {"amount": "250.00"}),
    ]
    return [
        {**common, "event_id": f"{order_id}-{number}", "type": kind, "occurred_at": f"{day}T{at}:00Z", **fields}
        for number, (kind, at, fields) in enumerate(steps)
    ]


def survey(order_id: str, vehicle_id: str, day: str, **fields: Any) -> Sent:
    common = {"order_id": order_id, "vehicle_id": vehicle_id, "center_id": "east-01"}
    return {**common, "event_id": f"{order_id}-s", "type": "survey", "occurred_at": f"{day}T12:00:00Z", **fields}


def history() -> list[Sent]:
    """Thirty customers, each with an order, and the one who will ask for their rights, with two orders."""
    others = [
        event for n in range(30) for event in visit(n, f"O-{n}", f"V-{n}", f"C-{n}", contact=[f"sms:+86{n:011d}"])
    ]
    label = {"vehicle_label": "CANARY··7", "advisor": "CANARY Li", "contact": CONTACT, "nickname": "CANARY"}
    first = visit(3, "P-1", "V-P", CUSTOMER, **label)
    second = visit(20, "P-2", "V-P", CUSTOMER, **label)[:-1]
    cancelled = {**first[0], "event_id": "P-2-x", "order_id": "P-2", "type": "cancellation", "reason": "CANARY is ill"}
    cancelled = {
        name: item for name, item in cancelled.items() if name not in ("customer_id", "lane", "odometer_km", *label)
    }
    return [*others, *first, *second, {**cancelled, "occurred_at": LEFT_AT}]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("person")
    file = folder / "events.ndjson"
    file.write_text("".join(json.dumps(event) + "\n" for event in history()))
    with Stack(folder / "stack") as running:
        running.send(file)
        file.unlink()
        key = running.run("api-keys", "add", "tablet", "--scope", "events:write").split()[-1]
        post(running, key, survey("P-1", "V-P", "2026-03-05", score=2, reasons=["waiting"], comment="CANARY was rude"))
        running.wait_idle()
        yield running


def post(stack: Stack, key: str, event: Sent) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{stack.facts['web']}/v1/events", json.dumps(event).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 202


def figures(stack: Stack) -> dict[str, list[Row]]:
    """All that analysts see: every view, in an order of its own, but for when a row was written."""
    ignored = "EXCEPT (received_at)"
    return {
        "orders": stack.ask("SELECT * FROM orders ORDER BY order_id"),
        "stages": stack.ask("SELECT * FROM stages ORDER BY ALL"),
        "surveys": stack.ask("SELECT * FROM surveys ORDER BY ALL"),
        "center_hours": stack.ask("SELECT * FROM center_hours ORDER BY ALL"),
        "events": stack.ask(f"SELECT * {ignored} FROM events ORDER BY vehicle_key, order_id, event_id"),
    }


def stored_texts(stack: Stack) -> dict[str, str]:
    """Everything that is anywhere: each file of the data folder, and each raw table of ClickHouse."""
    files = {
        str(path): path.read_bytes().decode(errors="replace") for path in stack.folder.rglob("*") if path.is_file()
    }
    tables = [row["name"] for row in stack.ask_raw("SELECT name FROM system.tables WHERE database = 'fixtrail_raw'")]
    return files | {
        name: json.dumps(stack.ask_raw(f"SELECT * FROM fixtrail_raw.{name}"), default=str) for name in tables
    }


def where_canaries_are(stack: Stack) -> list[tuple[str, str]]:
    return [
        (location, canary) for location, text in stored_texts(stack).items() for canary in CANARIES if canary in text
    ]


def erase(stack: Stack) -> None:
    """Erase the customer, also where a test before has done it."""
    stack.run("person", "erase", "--customer", CUSTOMER)
    stack.wait_idle()


def test_nothing_personal_is_readable_anywhere_but_by_the_key(stack: Stack) -> None:
    assert where_canaries_are(stack) == []


def test_an_export_has_all_that_was_sent_about_the_customer(stack: Stack) -> None:
    document = json.loads(stack.run("person", "export", "--customer", CUSTOMER))

    assert [order["order_id"] for order in document["orders"]] == list(ORDERS)
    sent = {event["event_id"]: event for event in history() if event["order_id"] in ORDERS}
    exported = {event["event"]["event_id"]: event["event"] for order in document["orders"] for event in order["events"]}
    assert {name: exported[name] for name in sent} == sent
    assert exported["P-1-s"]["comment"] == "CANARY was rude"
    assert document["orders"][0]["journey"]["customer_id"] == CUSTOMER
    assert set(document["addresses"]) == set(CONTACT)
    assert {row["order_id"] for row in document["clickhouse"]["orders"]} == set(ORDERS)
    assert document["messages"]


@pytest.mark.parametrize(
    ("option", "value", "orders"),
    [("--vehicle", "V-P", ORDERS), ("--contact", "sms:+86 138 0013 8000", ORDERS), ("--customer", "C-7", ("O-7",))],
)
def test_a_dry_run_finds_the_person_and_changes_nothing(
    stack: Stack, option: str, value: str, orders: tuple[str, ...]
) -> None:
    would_be = json.loads(stack.run("person", "erase", option, value, "--dry-run", "--json"))

    assert tuple(order["order_id"] for order in would_be["orders"]) == orders
    assert (would_be["keys"], would_be["remains"]) == (len(orders), [])
    assert stack.run("person", "export", option, value).count("CANARY") >= (value != "C-7")


def test_a_restricted_customers_data_stay_and_are_shown_to_nobody(stack: Stack) -> None:
    stack.run("person", "restrict", "--customer", CUSTOMER)
    document = json.loads(stack.run("person", "export", "--customer", CUSTOMER))
    assert all(order["restricted_since"] for order in document["orders"])

    stack.run("person", "restrict", "--customer", CUSTOMER, "--lift")
    document = json.loads(stack.run("person", "export", "--customer", CUSTOMER))
    assert not any(order["restricted_since"] for order in document["orders"])


def test_an_erased_customer_is_gone_and_no_figure_has_changed(stack: Stack) -> None:
    before = figures(stack)
    assert before["orders"] and before["center_hours"]

    erase(stack)

    assert figures(stack) == before
    assert where_canaries_are(stack) == []
    exported = stack.run("person", "export", "--customer", CUSTOMER)
    assert not [canary for canary in CANARIES if canary in exported.replace(CUSTOMER, "")]
    # What was written down by other customers' keys is still read.
    assert "C-7" in stack.run("person", "export", "--vehicle", "V-7")


def test_of_a_producer_that_writes_in_clear_it_is_told_what_remains_and_until_when(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "plain.ndjson"
    events = visit(11, "Q-1", "V-Q", "C-PLAIN", contact=["sms:+8613900139000"])
    # In clear whatever encrypts: no event, and so a dead letter, too.
    broken = '{"order_id": "Q-2", "customer_id": "C-PLAIN"\n'
    file.write_text("".join(json.dumps(event) + "\n" for event in events) + broken)
    stack.environment["FIXTRAIL_SEAL"] = "false"
    stack.send(file)
    del stack.environment["FIXTRAIL_SEAL"]
    stack.wait_idle()
    before = figures(stack)

    erased = json.loads(stack.run("person", "erase", "--customer", "C-PLAIN", "--json", exit_code=1))
    stack.wait_idle()

    assert [(row["topic"], row["gone_at"] - row["timestamp"]) for row in erased["remains"]] == [
        (topic, 180 * 24 * 3600 * 1000) for topic in ("service-events", "service-events", "service-events.dead-letter")
    ]
    exported = json.loads(stack.run("person", "export", "--customer", "C-PLAIN"))["other_records"]
    assert [row["text"] for row in exported] == [broken.strip()] * 2
    assert figures(stack) == before
    (order,) = json.loads(stack.run("person", "export", "--vehicle", "V-Q"))["orders"]
    assert order["journey"] is None


@pytest.mark.long
def test_a_replay_from_the_beginning_brings_nothing_back(stack: Stack) -> None:
    erase(stack)
    before = figures(stack)
    stack.stop()
    stack.environment["FIXTRAIL_APP_ID"] = "again"
    stack.start()
    stack.wait_idle()
    wait_for(lambda: figures(stack) == before, 60, "the figures are the same after a replay")

    assert where_canaries_are(stack) == []
    exported = stack.run("person", "export", "--customer", CUSTOMER)
    assert not [canary for canary in CANARIES if canary in exported.replace(CUSTOMER, "")]


def test_sending_the_history_again_brings_nothing_back(stack: Stack, tmp_path: Path) -> None:
    erase(stack)
    before = figures(stack)["orders"]
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json.dumps(event) + "\n" for event in history()))
    stack.send(file)
    stack.wait_idle()

    assert figures(stack)["orders"] == before
    assert where_canaries_are(stack) == []
    exported = stack.run("person", "export", "--customer", CUSTOMER)
    assert not [canary for canary in CANARIES if canary in exported.replace(CUSTOMER, "")]
