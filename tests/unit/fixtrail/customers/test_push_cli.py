"""`fixtrail notices`: what the commands say, and what they keep of an address."""

from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from standardwebhooks.webhooks import Webhook

from fixtrail.all_settings import Settings
from fixtrail.configuration import centers_of, hand_to_boxes, links_of
from fixtrail.customers import consents, keys, notice_log, orders, preview
from fixtrail.tracking_links import Links
from runtime.failure import ExitError
from runtime.store import open_store
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey, journey_key
from sinks.push.address import target_secret
from sinks.push.channels.webhook import signature
from sinks.push.ledger import ledger
from streams.journey.clock_notices import BY_CLOCK
from streams.journey.notices import MILESTONES
from tests.providers.messages import a_notice, a_send, now_ms
from tests.workshop import R1, R2, approved, checked_in, handed_off, ms, order_after, part, quoted, repair, surveyed


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, hash_key="a key for these tests, long enough")


def test_what_a_customer_agrees_to_is_kept_without_the_address(settings: Settings):
    answer = consents.change_consent(settings, "sms:+86 138 0000 0077", consents.Consent(opted_out=True))

    assert answer["opted_out"] is True
    assert consents.change_consent(settings, "sms:+8613800000077", consents.Consent())["opted_out"] is True
    files = b"".join(path.read_bytes() for path in settings.data.iterdir())
    assert b"0077" not in files


def test_a_change_leaves_the_rest_as_it_was(settings: Settings):
    address = "mailto:a@b.example"
    consents.change_consent(
        settings, address, consents.Consent(milestones=frozenset({"ready"}), time_zone="Asia/Urumqi")
    )
    answer = consents.change_consent(settings, address, consents.Consent(opted_out=True))
    assert (answer["milestones"], answer["time_zone"]) == (["ready"], "Asia/Urumqi")

    answer = consents.change_consent(settings, address, consents.Consent(opted_out=False, all_milestones=True))
    assert (answer["opted_out"], answer["milestones"]) == (False, None)


def test_consents_to_messages_add_up(settings: Settings):
    for number in (1, 2):
        answer = consents.change_consent(settings, "wechat:o77", consents.Consent(add={"tmpl": number}))

    assert answer["consents"] == {"tmpl": 3}
    assert consents.parse_consents("tmpl=3") == ("tmpl", 3)


@pytest.mark.parametrize("text", ["tmpl", "=3", "tmpl=x", "tmpl=-1"])
def test_a_number_of_consents_has_a_kind(text: str):
    with pytest.raises(ExitError):
        consents.parse_consents(text)


def test_milestones_that_a_customer_wants_are_known_ones():
    assert consents.parse_milestones("ready, no_news") == {"ready", "no_news"}
    with pytest.raises(ExitError, match="no milestone redy, but checked_in"):
        consents.parse_milestones("ready,redy")


def test_a_wrong_address_or_time_zone_is_a_usage_error(settings: Settings):
    for address, zone in (("nothing", None), ("sms:+861", "Mars/Olympus")):
        with pytest.raises(ExitError) as refused:
            consents.change_consent(settings, address, consents.Consent(time_zone=zone))
        assert refused.value.exit_code == 2


def test_a_receiver_can_check_our_signatures_with_its_secret(settings: Settings):
    secret = keys.webhook_secret(settings, "https://crm.example.com/in?x=1")
    key = target_secret(settings.secret(), "https://crm.example.com:443")
    sent_at = now_ms() // 1000
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": str(sent_at),
        "webhook-signature": signature(key, "m1", sent_at, b'{"a": 1}'),
    }

    assert Webhook(secret).verify(b'{"a": 1}', headers) == {"a": 1}
    assert secret != keys.webhook_secret(settings, "https://other.example.com/in")
    with pytest.raises(ExitError):
        keys.webhook_secret(settings, "ftp://x")


def test_the_log_of_an_order_says_what_was_sent_and_why_not(settings: Settings, capsys: pytest.CaptureFixture[str]):
    store = open_store(settings.ledger_dsn())
    store.begin()
    ledger.create_tables(store)
    first, second = (a_send(a_notice(name), address="+8613877", person="somebody") for name in ("checked_in", "ready"))
    ledger.plan(store, [first, second])
    ledger.claim(store, [first], "We have your car", "me", now_ms(), None)
    ledger.finish(store, [first.id], ledger.SENT, "", now_ms(), "ref-9")
    ledger.hold(store, [second.id], ledger.HELD, "quiet hours", now_ms() + 1000, "quiet hours")
    store.commit()
    store.close()

    sends = notice_log.log_of(settings, R1)
    rows, is_held = notice_log.log_as_json(sends)
    assert (rows["state"], rows["told"], rows["reference"], rows["due_at"]) == (
        "SENT",
        "We have your car",
        "ref-9",
        None,
    )
    assert (is_held["state"], is_held["reason"], is_held["final_at"]) == ("HELD", "quiet hours", None)
    assert "13877" not in repr((rows, is_held))
    notice_log.print_log(R1, sends, "Asia/Shanghai")
    assert "HELD until" in capsys.readouterr().out
    notice_log.print_log("R9", [], "Asia/Shanghai")
    assert "has seen no notice" in capsys.readouterr().out


def test_of_an_order_whose_notices_had_expired_unmade_the_journey_tells_the_log(settings: Settings, monkeypatch):
    journey = order_after(checked_in("08:00"), handed_off("11:00"))
    fact = JourneyFact.model_validate_json(orjson.dumps(journey))
    monkeypatch.setattr(notice_log, "order_fact", lambda *order: fact)

    order, sends = notice_log.log_with_expired(settings, "R1", None)

    assert order == R1
    assert [(send["milestone"], send["state"], send["reason"]) for send in notice_log.log_as_json(sends)] == [
        ("checked_in", "EXPIRED", "already too old when it came"),
        ("handed_off", "EXPIRED", "already too old when it came"),
    ]
    assert notice_log.expired_sends(fact, ms("09:00")) == []


def test_a_number_of_which_only_an_earlier_version_sent_is_found_without_a_center(settings: Settings):
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        ledger.plan(store, [a_send(a_notice("checked_in", center_id=""), id="before")])
    order = notice_log.order_of(settings, "R1", None)

    assert order == OrderKey("", "R1")
    assert [send.id for send in notice_log.log_of(settings, order)] == ["before"]
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        ledger.plan(store, [a_send(a_notice("ready"), id="after")])
    assert notice_log.order_of(settings, "R1", None) == R1
    assert {send.id for send in notice_log.log_of(settings, R1)} == {"before", "after"}
    with pytest.raises(ExitError, match="there is no order R9"):
        notice_log.order_of(settings, "R9", None)


@pytest.mark.parametrize("order_id", ["[/x] [red]", "R 1/2 \"'\\", "车🚗" * 30, "\x1b[31mR\x07"])
def test_the_log_of_an_order_with_any_id_can_be_read(settings: Settings, order_id: str, capsys):
    notice = a_notice("ready", order_id=order_id, event_id=f"e {order_id}"[:128])
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        ledger.plan(store, [a_send(notice)])

    order = OrderKey("C1", order_id)
    notice_log.print_log(order, notice_log.log_of(settings, order), "Asia/Shanghai")
    notice_log.print_log(order, [], "Asia/Shanghai")

    output = capsys.readouterr().out
    assert "ready" in output and "has seen no notice" in output
    assert "\x1b" not in output and "\x07" not in output


def test_the_log_says_by_what_event(settings: Settings, capsys):
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        ledger.plan(store, [a_send(a_notice("ready", event_id="dms-2026-000123"))])

    notice_log.print_log(R1, notice_log.log_of(settings, R1), "Asia/Shanghai")

    assert "dms-2026-000123" in capsys.readouterr().out


def test_a_message_that_is_tried_again_has_the_same_link(tmp_path: Path):
    settings = Settings(
        data=tmp_path, hash_key="a key for these tests, long enough", public_url="https://track.example.com/"
    )
    at = now_ms()

    first, again = (links_of(settings)(R1, "V1", at) for _ in range(2))

    assert first == again
    token = first.removeprefix("https://track.example.com/t/")
    assert Links(settings.secret()).opens(token, now_ms()).order == R1


def test_without_pages_there_is_no_link(settings: Settings):
    assert links_of(settings)(R1, "V1", now_ms()) == ""


def test_the_centers_of_the_data_folder_are_known_too(settings: Settings):
    assert centers_of(settings) == {}
    (settings.data / "centers.toml").write_text('[[center]]\nid = "C1"\nname = "浦东"\nregion = "East"\n')

    assert centers_of(settings)["C1"].name == "浦东"


def test_loaded_centers_reach_the_boxes_of_an_embedded_stack_and_else_it_is_said_how(
    settings: Settings, tmp_path: Path
):
    """ClickHouse alone knowing them would leave pages, watch and messages without opening hours, in silence."""
    file = tmp_path / "loaded.toml"
    file.write_text('[[center]]\nid = "C1"\nname = "浦东"\nregion = "East"\n')
    assert "FIXTRAIL_CENTERS" in hand_to_boxes(settings, file) and centers_of(settings) == {}
    elsewhere = settings.model_copy(update={"centers": tmp_path / "other.toml"})
    assert "boxes still read" in hand_to_boxes(elsewhere, file)

    (settings.data / "stack.json").write_text('{"children": {}}')
    embedded = Settings(data=settings.data)
    assert str(settings.data / "centers.toml") in hand_to_boxes(embedded, file)
    assert centers_of(embedded)["C1"].name == "浦东"
    assert "at once" not in hand_to_boxes(embedded, settings.data / "centers.toml"), "the same file is left as it is"


def test_a_preview_is_made_of_the_journey_as_it_is_now():
    fact = order_after(
        checked_in("08:00", promised="12:00"),
        quoted("08:20"),
        approved("08:30"),
        part("requested", "08:40"),
        part("backordered", "08:50", part_no="P-9"),
        repair("started", "09:00"),
        repair("completed", "10:00"),
        handed_off("11:00", amount=769.9),
    )
    notices = {notice.milestone: notice for notice in preview.notices_of(JourneyFact.model_validate(fact))}

    assert list(notices) == [
        *("checked_in", "quote_ready", "part_ordered", "part_delayed", "repair_started", "handed_off")
    ]
    assert notices["checked_in"].promised_at == ms("12:00")
    assert notices["part_delayed"].part_no == "P-9"
    assert notices["quote_ready"].quote is not None
    assert str(notices["handed_off"].final_amount) == "769.9"


def test_a_preview_names_the_part_and_its_new_time():
    """Two parts asked for at the same moment; and one that is only expected later than it was."""
    first, second = ({"request_id": letter, "part_no": f"P-{letter}"} for letter in ("A", "B"))
    fact = order_after(
        checked_in("08:00"),
        part("requested", "08:40", **first),
        part("requested", "08:40", **second),
        part("fulfilled", "09:00", **second),
        part("requested", "09:30", expected_at="2026-03-02T12:00:00Z", **first),
        part("requested", "10:00", expected_at="2026-03-02T15:00:00Z", **first),
    )
    notices = preview.notices_of(JourneyFact.model_validate(fact))

    part_notices = [(notice.milestone, notice.part_no) for notice in notices if notice.part_no]
    assert part_notices == [
        *[("part_ordered", "P-A"), ("part_ordered", "P-B"), ("part_arrived", "P-B")],
        *[("part_ordered", "P-A"), ("part_delayed", "P-A")],
    ]
    assert notices[-1].expected_at == ms("15:00")


def test_each_milestone_is_previewed_with_the_promise_that_held_then():
    fact = order_after(
        checked_in("08:00", promised="12:00"),
        checked_in("09:00", promised="14:00"),
        checked_in("10:00", promised="13:00"),
    )
    notices = preview.notices_of(JourneyFact.model_validate(fact))

    assert [notice.promised_at for notice in notices] == [ms("12:00"), ms("14:00"), ms("13:00")]


def test_every_template_can_be_previewed_with_any_order(monkeypatch: pytest.MonkeyPatch, settings: Settings, capsys):
    fact = JourneyFact.model_validate(order_after(surveyed("08:00")))

    monkeypatch.setattr(preview, "order_fact", lambda *_: fact)
    preview.print_preview(preview.preview(settings, "R1", "en"))
    assert "--all" in capsys.readouterr().out

    previews = preview.preview(settings, "R1", "en", with_others=True)
    assert [item.milestone for item in previews] == [*MILESTONES, *BY_CLOCK]
    preview.print_preview(previews)
    assert "Total: CN¥769.90" in capsys.readouterr().out


def test_the_newest_state_is_previewed_also_where_an_older_one_is_told_again_behind_it():
    facts = [order_after(checked_in("08:00")), order_after(checked_in("08:00"), repair("started", "09:00"))]
    facts[0]["version"], facts[1]["version"] = 1, 2
    key, table = journey_key(R1, "V1"), orders.new_facts()
    records = [
        SimpleNamespace(headers=(), partition=0, offset=0, key=key, value=orjson.dumps(fact))
        for fact in (*facts, facts[0])
    ]

    table.apply(
        orders.numbered(
            "R1", [*records, SimpleNamespace(headers=(), partition=0, offset=0, key=journey_key(R2, "V1"), value=b"{}")]
        )
    )

    assert table.order(R1).version == 2
    table.apply(orders.numbered("R1", [SimpleNamespace(headers=(), partition=0, offset=0, key=key, value=None)]))
    assert table.order(R1) is None


def test_what_an_earlier_version_wrote_under_the_number_alone_is_found():
    records = [
        SimpleNamespace(headers=(), partition=0, offset=0, key=name, value=b"")
        for name in (b"R1", b"R2", b"[1]", b"\xff", None)
    ]

    assert orders.numbered("R1", records) == records[:1]


def test_a_number_that_several_centers_use_needs_the_center():
    assert orders.only_order([R1], "R1") == R1
    with pytest.raises(ExitError, match=r"several centers have an order R1: say --center, one of C1, C2"):
        orders.only_order([R1, OrderKey("C2", "R1")], "R1")
    with pytest.raises(ExitError, match="there is no order R1"):
        orders.only_order([], "R1")
