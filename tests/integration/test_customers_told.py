"""From an integrator's request to a customer's telephone, through the whole stack and real sockets: told once."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.providers.sms_gateway import TOKEN, SmsGateway
from tests.providers.webhooks import Webhooks
from tests.stack import Stack, wait_for

PUSH = """
locale = "en"
[quiet]
begins = 00:00:00
ends = 00:00:00
[limits]
gap_s = 0
[webhook]
allow_private = true
[apprise.sms]
url = "env:SMS_URL"
"""
NUMBER = "+8613900000042"
LIMIT_S = 120


class Town:
    """A stack, with a backend of the dealer's that takes webhooks and a gateway for text messages around it."""

    def __init__(self, stack: Stack, hooks: Webhooks, sms: SmsGateway) -> None:
        self.stack, self.hooks, self.sms = stack, hooks, sms
        hooks.secret = stack.run("notices", "webhook-secret", hooks.url).strip()
        self._key = stack.run("api-keys", "add", "dms", "--scope", "events:write").strip().splitlines()[0]

    def post(self, *events: dict[str, Any]) -> dict[str, Any]:
        """The events over HTTP, as one batch; what the answer says."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.stack.facts['web']}/v1/events", json.dumps(events).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            body: dict[str, Any] = json.load(answer)
        return body

    def serves_pages(self) -> bool:
        """Whether a link that opens nothing is told so."""
        try:
            urllib.request.urlopen(f"{self.stack.facts['web']}/t/nothing", timeout=60)
        except urllib.error.HTTPError as answer:
            return answer.code == 404
        except urllib.error.URLError:
            return False
        return False

    def milestones(self) -> list[str]:
        """The milestones that the backend has taken, in that order."""
        return [message["data"]["milestone"] for _, message in self.hooks.accepted]

    def wait_told(self, *milestones: str) -> None:
        wait_for(
            lambda: set(milestones) <= set(self.milestones()), LIMIT_S, f"{milestones} are told: {self.milestones()}"
        )
        wait_for(lambda: len(self.sms.accepted) >= len(self.hooks.accepted), LIMIT_S, "the text messages, too")

    def log(self, order_id: str) -> list[dict[str, Any]]:
        """The decision log, as `fixtrail notices log` gives it to scripts."""
        log: list[dict[str, Any]] = json.loads(self.stack.run("notices", "log", order_id, "--json"))
        return log


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("told")
    (folder / "push.toml").write_text(PUSH)
    with Webhooks() as hooks, SmsGateway() as sms:
        environment = {
            "FIXTRAIL_PUSH": str(folder / "push.toml"),
            "SMS_URL": f"smseagle://{TOKEN}@127.0.0.1:{sms.port}/{{address}}",
        }
        with Stack(folder / "stack", environment=environment) as stack:
            yield Town(stack, hooks, sms)


def happening(order_id: str) -> Any:
    """Makes events of an order, each with the id that its kind and number give it."""
    number = iter(range(1000))

    def event(type_: str, ago_s: float = 0, **fields: Any) -> dict[str, Any]:
        at = datetime.now(UTC) - timedelta(seconds=ago_s)
        common = {"event_id": f"{order_id}-{next(number)}", "type": type_, "order_id": order_id, "center_id": "C1"}
        return {**common, "vehicle_id": f"V-{order_id}", "occurred_at": at.isoformat(timespec="milliseconds"), **fields}

    return event


def test_a_customer_is_told_each_thing_once_and_answers_by_the_link(town: Town):
    """Requests are repeated, a late event turns up, and workers, push sink and pages are killed in between."""
    event = happening("R 1/2 [车]")
    order_id = "R 1/2 [车]"
    contact = [f"webhook:{town.hooks.url}/in", {"channel": "sms", "address": NUMBER}]
    promised = (datetime.now(UTC) + timedelta(hours=5)).isoformat(timespec="seconds")
    arrived = event("check_in", 90, customer_id="K1", lane="standard", promised_at=promised, contact=contact)
    parts = [{"part_no": "P-1", "quantity": 2, "unit_price": "99.95"}]
    quote = {"labour_hours": "1.5", "labour_rate": 380, "parts": parts, "currency": "CNY"}
    quoted = event("diagnosis", 30, phase="completed", quote=quote)

    assert town.post(arrived)["accepted"] == 1
    town.wait_told("checked_in")
    assert town.post(quoted, arrived)["accepted"] == 2
    town.wait_told("quote_ready")

    # The customer follows the link in the text message, and approves.
    number, text = next(sent for sent in town.sms.accepted if "769.90" in sent[1])
    link = re.search(r"http\S+", text)[0]
    assert number == NUMBER
    page = urllib.request.urlopen(link, timeout=60).read().decode()
    key = re.search(r'name="quote" value="([^"]+)"', page)[1]
    fields = {"form": "decision", "quote": key, "answer": "approve", "amount": "769.90"}
    form = urllib.parse.urlencode(fields).encode()
    answer = urllib.request.urlopen(f"{link}?lang=en", form, timeout=60).read().decode()
    assert "we have your approval" in answer

    for box in ("worker-1", "sink-push"):
        town.stack.kill_and_wait(box)
    started = event("repair", 1, phase="started", job_id="J1")
    # That the inspection began is known only now; the quote was told long ago.
    late = event("diagnosis", 60, phase="started")
    assert town.post(late, arrived, quoted, started)["accepted"] == 4
    town.wait_told("repair_started")
    assert town.post(arrived, quoted, late, started)["accepted"] == 4
    town.stack.kill_and_wait("sink-push")
    town.stack.kill_and_wait("web")
    wait_for(town.serves_pages, LIMIT_S, "the pages are served again")
    done = event("handoff", amount="769.90")
    assert town.post(done)["accepted"] == 1
    town.wait_told("handed_off")
    town.stack.wait_idle()

    assert town.milestones() == ["checked_in", "quote_ready", "repair_started", "handed_off"]
    assert [len(bodies) for bodies in town.hooks.bodies.values()] == [1] * 4
    assert town.hooks.forged == 0
    assert Counter(number for number, _ in town.sms.accepted) == {NUMBER: 4}

    log = town.log(order_id)
    outcomes = {(row["milestone"], row["channel"]): row["state"] for row in log}
    assert len(outcomes) == len(log) == 10
    assert Counter(outcomes.values()) == {"SENT": 8, "SUPERSEDED": 2}
    assert outcomes["diagnosis_started", "webhook"] == outcomes["diagnosis_started", "sms"] == "SUPERSEDED"
    events = {row["milestone"]: row["event_id"] for row in log}
    assert events["repair_started"] == started["event_id"] and events["diagnosis_started"] == late["event_id"]
    assert NUMBER not in json.dumps(log)
    # The same for people, on the customer's page and on the operator's terminal.
    messages = urllib.request.urlopen(f"{link}/messages?lang=en", timeout=60).read().decode()
    assert messages.count("by text message") == 5 and messages.count("there was newer news") == 2
    result = town.stack.run("notices", "log", order_id)
    assert started["event_id"] in result and "made pointless by a later milestone" in result
    assert "Total: CN¥769.90" in town.stack.run("notices", "preview", order_id, "--locale", "en")


def test_what_happened_last_year_is_told_to_nobody(town: Town):
    before = len(town.hooks.accepted), len(town.sms.accepted)
    event = happening("OLD-1")
    year_s = 365 * 24 * 3600
    contact = [f"webhook:{town.hooks.url}/in", f"sms:{NUMBER}"]
    visit = [
        event("check_in", year_s + 9000, customer_id="K1", lane="quick", contact=contact),
        event("repair", year_s + 5000, phase="started", job_id="J1"),
        event("repair", year_s + 4000, phase="completed", job_id="J1"),
        event("ready", year_s + 3000),
        event("handoff", year_s),
    ]

    assert town.post(*visit)["accepted"] == 5
    wait_for(lambda: len(town.log("OLD-1")) == 4, LIMIT_S, "all is in the log")

    assert {row["state"] for row in town.log("OLD-1")} == {"EXPIRED"}
    assert (len(town.hooks.accepted), len(town.sms.accepted)) == before


@pytest.mark.long
def test_a_customer_who_wants_no_more_messages_gets_none(town: Town, tmp_path: Path):
    event = happening("ENOUGH-1")
    number = "+8613900000099"
    town.post(event("check_in", customer_id="K2", lane="quick", contact=[f"sms:{number}"]))
    wait_for(lambda: number in {to for to, _ in town.sms.accepted}, LIMIT_S, "the first message")
    link = re.search(r"http\S+", next(text for to, text in town.sms.accepted if to == number))[0]

    off = urllib.request.urlopen(f"{link}/messages?lang=en", b"messages=off", timeout=60).read().decode()
    town.post(event("repair", phase="started", job_id="J1"))
    wait_for(lambda: len(town.log("ENOUGH-1")) == 2, LIMIT_S, "the second is decided")

    assert "We send you no more messages." in off
    wait_for(lambda: town.log("ENOUGH-1")[1]["state"] == "SUPPRESSED", LIMIT_S, "it is not sent")
    assert town.log("ENOUGH-1")[1]["reason"] == "no consent: opted out"
    assert [to for to, _ in town.sms.accepted].count(number) == 1
