"""What `fixtrail send` seals, and what a person who repairs a refused event reads of it."""

from pathlib import Path

import orjson
import pytest

from fixtrail.all_settings import Settings
from fixtrail.sealing import opener_of, sealer_of, vault_of

# Nobody knows what belongs to this type, so all of it is sealed.
MISSPELT = {
    "event_id": "e1",
    "type": "chek_in",
    "order_id": "o1",
    "vehicle_id": "v1",
    "center_id": "c1",
    "occurred_at": "2026-03-01T08:00:00Z",
    "customer_id": "Ms Wang",
    "lane": "quick",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, hash_key="h" * 32)


def sealed(settings: Settings, event: dict[str, str]) -> bytes:
    seal = sealer_of(settings)
    assert seal is not None
    (line,) = seal([orjson.dumps(event)])
    return line


def test_an_event_of_an_unknown_type_can_be_read_again_to_be_repaired(settings: Settings):
    letter = sealed(settings, MISSPELT)

    assert b"Wang" not in letter and b"quick" not in letter
    assert orjson.loads(opener_of(settings)(letter) or b"") == MISSPELT


def test_what_is_not_sealed_keeps_its_bytes(settings: Settings):
    for value in (b'{"type": "ready",  "order_id": "o1"}', b"no json", b"", b"[1]", None):
        assert opener_of(settings)(value) == value


def test_what_was_erased_or_has_no_secret_stays_as_it_is(settings: Settings, tmp_path: Path):
    letter = sealed(settings, MISSPELT)

    assert opener_of(Settings(data=tmp_path / "elsewhere"))(letter) == letter
    vault = vault_of(settings)
    vault.erase([vault.order_keys.order_of(MISSPELT)])
    assert opener_of(settings)(letter) == letter
