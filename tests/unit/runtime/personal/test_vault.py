"""Personal fields of events are sealed on their way to Kafka, and nobody reads them once their key is erased."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from runtime.personal.sealing import unsealed_event
from runtime.personal.vault import ERASED, RESTRICTED, Vault
from schemas.decode import EventError, decode_event, decode_with_extras
from schemas.personal import is_sealed, sealed_texts
from schemas.topics import MAX_SENT_BYTES
from sinks.clickhouse.keyed_hash import KeyedHash
from streams.journey.entries import entry_of
from streams.journey.order import Order

SECRET = b"a key for these tests, long enough"
EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.json"))
CHECK_IN: dict[str, Any] = {
    "event_id": "e-1",
    "type": "check_in",
    "order_id": "W-1",
    "vehicle_id": "LSVAA4182E2184001",
    "center_id": "east-01",
    "occurred_at": "2026-03-02T08:00:00Z",
    "customer_id": "C-CANARY",
    "lane": "standard",
    "contact": ["sms:+8613800138000", {"channel": "mailto", "address": "canary@example.com"}],
    "vehicle_label": "沪A··345",
    "advisor": "Li CANARY",
    "nickname": {"of": "CANARY"},
}
SURVEY: dict[str, Any] = {
    **{name: CHECK_IN[name] for name in ("order_id", "vehicle_id", "center_id")},
    "event_id": "e-2",
    "type": "survey",
    "occurred_at": "2026-03-03T08:00:00Z",
    "score": 3,
    "comment": "CANARY was rude",
}
CANARIES = ("CANARY", "8613800138000", "canary@", "345")


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'keys.sqlite3'}"


@pytest.fixture
def vault(dsn: str) -> Vault:
    return Vault(dsn, SECRET)


def sealed(vault: Vault, event: dict[str, Any]) -> dict[str, Any]:
    (value,) = vault.seal([json.dumps(event).encode()])
    parsed: dict[str, Any] = json.loads(value)
    return parsed


def read(vault: Vault, event: dict[str, Any]) -> dict[str, Any]:
    return unsealed_event(event, vault.reader(sealed_texts(event)))


@pytest.mark.parametrize("event", [CHECK_IN, SURVEY])
def test_nothing_personal_is_readable_in_a_sealed_event(vault: Vault, event: dict[str, Any]) -> None:
    (value,) = vault.seal([json.dumps(event, ensure_ascii=False).encode()])

    assert [canary for canary in CANARIES if canary in value.decode()] == []
    assert decode_event(value).order_id == "W-1"


def test_whoever_has_the_key_reads_the_event_as_it_was_sent(vault: Vault) -> None:
    contact = ["sms:+8613800138000", "mailto:canary@example.com"]

    assert read(vault, sealed(vault, CHECK_IN)) == {**CHECK_IN, "contact": contact}
    assert read(vault, sealed(vault, SURVEY)) == SURVEY


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_sealed_event_says_the_same_to_the_rules(vault: Vault, path: Path) -> None:
    plain = path.read_bytes()
    (value,) = vault.seal([plain])

    event, extras = decode_with_extras(value)
    order = Order(event.order)
    order.apply(entry_of(decode_event(plain)), 0)

    assert extras == decode_with_extras(plain)[1]
    assert order.apply(entry_of(event), 1)[0] == "duplicate"


def test_the_same_event_sent_twice_has_the_same_bytes(vault: Vault) -> None:
    assert sealed(vault, CHECK_IN) == sealed(vault, CHECK_IN)


def test_a_customer_has_the_same_key_in_clear_and_sealed(vault: Vault) -> None:
    keyed = KeyedHash(SECRET)

    assert keyed.customer(sealed(vault, CHECK_IN)["customer_id"]) == keyed.customer("C-CANARY")


def test_names_of_unknown_fields_are_still_counted(vault: Vault) -> None:
    event = sealed(vault, CHECK_IN)

    assert decode_with_extras(json.dumps(event).encode())[1] == {"nickname"}
    assert event["nickname"] is None


def test_unknown_fields_within_a_quote_are_sealed_too(vault: Vault) -> None:
    part = {"part_no": "P", "quantity": 1, "unit_price": "9.5", "for_whom": "CANARY"}
    quote = {"labour_hours": 1, "labour_rate": 100, "currency": "CNY", "parts": [part], "note": "CANARY"}
    event = {**SURVEY, "type": "diagnosis", "phase": "completed", "quote": quote}
    del event["comment"], event["score"]
    result = sealed(vault, event)

    assert "CANARY" not in json.dumps(result)
    assert read(vault, result) == event


def test_an_event_without_anything_personal_keeps_its_bytes(vault: Vault) -> None:
    ready = {**SURVEY, "type": "ready"}
    del ready["comment"], ready["score"]
    value = json.dumps(ready, indent=3).encode()

    assert vault.seal([value, b"{no json", b"[]"]) == [value, b"{no json", b"[]"]


def test_an_event_that_will_be_refused_is_sealed_and_refused_for_the_same_reason(vault: Vault) -> None:
    bad = {**CHECK_IN, "lane": "fast"}
    with pytest.raises(EventError) as plain:
        decode_event(json.dumps(bad).encode())
    value = json.dumps(sealed(vault, bad)).encode()

    assert b"CANARY" not in value
    with pytest.raises(EventError) as refused:
        decode_event(value)
    assert refused.value.reason == plain.value.reason


def test_an_envelope_is_opened_and_its_event_sealed(vault: Vault) -> None:
    envelope = {"specversion": "1.0", "id": "e-1", "source": "dms", "type": "check_in", "data": CHECK_IN}
    header = [("content-type", b"application/cloudevents+json")]
    (value,) = vault.seal([json.dumps(envelope).encode()], [header])

    assert json.loads(value) == sealed(vault, CHECK_IN)


def test_an_erased_order_is_unreadable_for_every_process_and_stays_so_when_sent_again(dsn: str, vault: Vault) -> None:
    event = sealed(vault, CHECK_IN)
    Vault(dsn, SECRET).erase([vault.order_keys.order_of(CHECK_IN)])

    assert set(vault.unseal(sealed_texts(event)).values()) == {ERASED}
    again = sealed(vault, CHECK_IN)
    assert sealed_texts(again) == []
    assert again["contact"] == []
    assert again["customer_id"] == event["customer_id"].partition(".")[0]
    assert decode_event(json.dumps(again).encode()).order_id == "W-1"


def test_the_file_of_keys_holds_nothing_of_an_erased_key(tmp_path: Path, vault: Vault) -> None:
    sealed(vault, CHECK_IN)
    order_key = vault.order_keys.order_of(CHECK_IN)
    stored = vault.stored([order_key])[order_key]
    assert stored.key is not None
    secret = base64.b64encode(stored.key.secret)
    assert any(secret in path.read_bytes() for path in tmp_path.iterdir())

    vault.erase([order_key])

    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())


def test_while_an_order_is_restricted_nobody_is_shown_its_texts(vault: Vault) -> None:
    event = sealed(vault, CHECK_IN)
    texts, order_key = sealed_texts(event), vault.order_keys.order_of(CHECK_IN)
    vault.restrict([order_key])

    assert set(vault.unseal(texts).values()) == {RESTRICTED}
    assert vault.unseal(texts, restricted=True)[event["contact"][0]].text == "sms:+8613800138000"

    vault.restrict([order_key], lift=True)
    assert vault.unseal(texts)[event["contact"][0]].text == "sms:+8613800138000"


def test_two_processes_seal_an_order_with_one_key(dsn: str, vault: Vault) -> None:
    assert sealed(vault, SURVEY) == sealed(Vault(dsn, SECRET), SURVEY)


def test_text_that_only_looks_sealed_is_sealed(vault: Vault) -> None:
    event = sealed(vault, {**SURVEY, "comment": "sealed: by CANARY"})

    assert is_sealed(event["comment"])
    assert read(vault, event)["comment"] == "sealed: by CANARY"


@pytest.mark.parametrize(("size", "code"), [(100_000, None), (300_000, "too_large"), (7_000_000, "too_large")])
def test_sealing_makes_no_event_too_large_and_none_acceptable(vault: Vault, size: int, code: str | None) -> None:
    (value,) = vault.seal([json.dumps({**CHECK_IN, "note": "CANARY" + "x" * size}).encode()])

    assert b"CANARY" not in value
    assert len(value) < MAX_SENT_BYTES
    if code is None:
        assert decode_event(value).order_id == "W-1"
    else:
        with pytest.raises(EventError, match=code):
            decode_event(value)


def test_what_was_sealed_for_another_order_is_read_by_nobody_of_this_one(vault: Vault) -> None:
    """An order that only repeats what Kafka has of another one would show its customer the other's address."""
    victim = sealed(vault, CHECK_IN)
    copied = {name: victim[name] for name in ("contact", "customer_id", "vehicle_label", "advisor", "sealed_extras")}

    attack = read(vault, sealed(vault, {**CHECK_IN, **copied, "nickname": None, "order_id": "E-1"}))

    assert [canary for canary in CANARIES if canary in json.dumps(attack, ensure_ascii=False)] == []
    assert attack["vehicle_label"] == victim["vehicle_label"]
    assert sealed(vault, victim) == victim, "sent again, an order's own stays as it is"


@pytest.mark.parametrize("content", ["CANARY", "sealed:CANARY.CANARY", 13800138000, ["CANARY"], {"of": "CANARY"}])
def test_what_only_stands_in_the_place_of_sealed_fields_is_sealed(vault: Vault, content: object) -> None:
    ready = {**{name: SURVEY[name] for name in SURVEY if name not in ("comment", "score")}, "type": "ready"}
    event = {**ready, "sealed_extras": content}
    (value,) = vault.seal([json.dumps(event).encode()])

    assert b"CANARY" not in value and b"13800138000" not in value
    assert read(vault, json.loads(value)) == event
    assert decode_event(value).order_id == "W-1"
