"""The watch looks after complaints and bad scores: an alert a level, once, whatever is killed in between."""

from datetime import time
from typing import Any

from fixtrail.watch.config import WatchConfig, read_watch_config
from fixtrail.watch.open_order import TickOutput
from fixtrail.watch.shard import Shard
from schemas.centers import Center
from tests.unit.fixtrail.watch.test_shard import a_record
from tests.workshop import complained, facts_after, followed_up, ms, repaired_visit, surveyed

CONFIG = WatchConfig.model_validate(
    {
        "time_zone": "UTC",
        "rule": [{"name": "contact", "kind": "complaint_age"}, {"name": "score", "kind": "detractor"}],
    }
)
CENTER = Center(id="C1", name="C1", region="R", time_zone="UTC", opens=time(8), closes=time(18))


def a_shard(*events: dict[str, Any]) -> Shard:
    shard = Shard(0, CONFIG, {"C1": CENTER}, acks={})
    learn(shard, *events)
    return shard


def learn(shard: Shard, *events: dict[str, Any]) -> None:
    for fact in facts_after(*repaired_visit(), *events).values():
        shard.apply_journey(a_record(fact))


def at(shard: Shard, clock: str, day: int) -> list[tuple[str, int, str]]:
    """What the shard writes at that time: rule, level and state."""
    output = shard.tick(ms(clock, day))
    shard.accept(output)
    return alerts_written(output)


def alerts_written(output: TickOutput) -> list[tuple[str, int, str]]:
    return sorted((alert.rule, alert.level, alert.closed_by or alert.state) for alert in output.alerts.values())


def test_a_severe_complaint_is_an_alert_after_one_four_and_twenty_four_opening_hours():
    shard = a_shard(complained("17:30", 1, event_id="k1", severity="high"))

    assert at(shard, "18:30", 1) == [], "closed since 18:00"
    assert at(shard, "08:29", 2) == []
    assert at(shard, "08:31", 2) == [("contact", 0, "open")]
    assert at(shard, "11:31", 2) == [("contact", 0, "escalation"), ("contact", 1, "open")]
    assert at(shard, "11:31", 4) == [("contact", 1, "escalation"), ("contact", 2, "open")]


def test_a_complaint_without_severity_has_four_hours():
    shard = a_shard(complained("10:00", 1, event_id="k1"))

    assert at(shard, "13:59", 1) == []
    assert at(shard, "14:01", 1) == [("contact", 0, "open")]


def test_a_contact_in_time_is_no_alert_and_a_late_one_ends_it():
    in_time = a_shard(
        complained("10:00", 1, event_id="k1"), complained("11:00", 1, complaint_id="k1", phase="contacted")
    )
    late = a_shard(complained("10:00", 1, event_id="k1"))

    assert at(in_time, "15:00", 3) == []
    assert at(late, "15:00", 1) == [("contact", 0, "open")]
    learn(late, complained("10:00", 1, event_id="k1"), followed_up("15:30", 1, of="k1"))
    assert at(late, "15:31", 1) == [("contact", 0, "condition")]


def test_a_bad_score_has_two_days_on_the_clock_and_a_better_answer_ends_it():
    bad = surveyed("12:00", 2, event_id="s1", score=3)
    shard = a_shard(bad)

    assert at(shard, "11:59", 4) == []
    assert at(shard, "12:01", 4) == [("score", 0, "open")]
    learn(shard, bad, surveyed("13:00", 4, score=9))
    assert at(shard, "13:01", 4) == [("score", 0, "condition")]


def test_each_level_is_one_alert_wherever_the_watch_was_killed():
    """A new process knows what was written, even where the end of the level before was not."""
    events = [complained("10:00", 1, event_id="k1", severity="high")]
    for written_alerts in (0, 1, 2):
        shard = a_shard(*events)
        first = shard.tick(ms("11:30", 1))
        shard.accept(first)
        second = shard.tick(ms("14:30", 1))
        heirs = a_shard(*events)
        for alert in [*first.alerts.values(), *[*second.alerts.values()][:written_alerts]]:
            heirs.apply_alert(a_record(alert.model_dump(mode="json"), key=alert.alert_id, topic="alerts"))

        at(heirs, "14:31", 1)

        assert [alert.level for alert in heirs.open_alerts()] == [1], written_alerts
        assert set(heirs.alerts) == set(first.alerts) | set(second.alerts), written_alerts
        assert at(heirs, "14:32", 1) == []


def test_an_acknowledged_level_is_quiet_until_the_next():
    from schemas.facts import Acknowledgement

    acks: dict[str, Acknowledgement] = {}
    shard = Shard(0, CONFIG, {"C1": CENTER}, acks=acks)
    learn(shard, complained("10:00", 1, event_id="k1", severity="high"))
    at(shard, "11:30", 1)
    (alert_id,) = shard.alerts
    acks[alert_id] = Acknowledgement(alert_id=alert_id, acknowledged_at=ms("11:40", 1), acknowledged_by="Li")

    assert at(shard, "11:41", 1) == [("contact", 0, "acknowledgement")]
    assert at(shard, "13:59", 1) == []
    assert ("contact", 1, "open") in at(shard, "14:01", 1)


def test_a_complaint_of_long_ago_is_history():
    assert at(a_shard(complained("10:00", 1, event_id="k1")), "10:00", 60) == []


def test_an_import_settles_before_anything_is_said_of_a_closed_order():
    shard = Shard(0, CONFIG, {"C1": CENTER}, acks={})
    for fact in facts_after(*repaired_visit(), complained("10:00", 1, event_id="k1")).values():
        shard.apply_journey(a_record(fact, timestamp=ms("15:00", 1)))

    assert at(shard, "15:00", 1) == []
    assert at(shard, "15:01", 1) == [("contact", 0, "open")]


def test_the_defaults_watch_complaints_and_bad_scores():
    rules = {rule.kind: rule for rule in read_watch_config(None).rule}

    assert rules["complaint_age"].high_minutes == (60, 240, 1440)  # type: ignore[union-attr]
    assert rules["detractor"].minutes == (2880,)  # type: ignore[union-attr]
