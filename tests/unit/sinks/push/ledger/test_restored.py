"""After a restoration nobody is sent what may have been sent between the backup and the loss."""

from pathlib import Path

from runtime.store import open_store
from sinks.push.ledger import ledger
from sinks.push.ledger.ledger import PLANNED, SENT, UNKNOWN
from sinks.push.ledger.restored import note_restored, restored_at, unsure
from tests.providers.messages import a_notice, a_send

RESTORED = 2_000_000


def test_what_waited_at_the_backup_is_sent_no_more_and_what_was_sent_stays_so(tmp_path: Path):
    dsn = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    waiting = a_send(a_notice("repair_started", at=1_000_000))
    done = a_send(a_notice("checked_in", at=900_000), state=SENT)
    with ledger.opened_ledger(dsn) as store:
        ledger.plan(store, [waiting, done])
        assert restored_at(store) == 0

    with ledger.opened_ledger(dsn) as store:
        note_restored(store, RESTORED)

    store = open_store(dsn)
    states = dict(store.run("SELECT milestone, state FROM sends"))
    addresses = dict(store.run("SELECT milestone, address FROM sends"))
    assert states == {"repair_started": UNKNOWN, "checked_in": SENT}
    assert addresses["repair_started"] is None
    assert restored_at(store) == RESTORED
    store.close()


def test_what_is_not_in_the_ledger_is_sent_only_if_it_happened_since_the_restoration():
    before = a_send(a_notice("repair_started", at=RESTORED - 1))
    since = a_send(a_notice("handed_off", at=RESTORED))

    decided = unsure([before, since], RESTORED)

    assert [(send.milestone, send.state) for send in decided] == [("repair_started", UNKNOWN), ("handed_off", PLANNED)]
    assert decided[0].address is None and decided[0].notice is None
