"""The car's label and the advisor's name are sealed on their way and readable on the customer's page alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from fixtrail.web.tracking.names import VisitNames, visit_names
from runtime.personal.vault import Vault
from schemas.facts import JourneyFact
from tests.workshop import checked_in, order_after

NAMES = VisitNames("沪A··345", "王芳")


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = Vault(f"sqlite:///{tmp_path / 'keys.sqlite3'}", b"k" * 32)
    yield vault
    vault.close()


@pytest.fixture
def fact(vault: Vault) -> JourneyFact:
    """The fact of an order whose check-in came through one of Fixtrail's own entrances."""
    arrived = checked_in("08:00", vehicle_label=NAMES.label, advisor=NAMES.advisor)
    (sealed,) = vault.seal([orjson.dumps(arrived)])
    return JourneyFact.model_validate(order_after(orjson.loads(sealed)))


def names_of(vault: Vault, fact: JourneyFact) -> VisitNames:
    return asyncio.run(visit_names(vault, fact))


def test_the_page_reads_what_the_journey_holds_sealed(vault: Vault, fact: JourneyFact):
    assert NAMES.label is not None
    assert NAMES.label not in fact.model_dump_json()
    assert names_of(vault, fact) == NAMES


def test_nothing_is_shown_of_an_order_that_is_restricted_or_erased(vault: Vault, fact: JourneyFact):
    order_key = vault.order_keys.order(fact.center_id, fact.order_id, fact.vehicle_id)
    vault.restrict([order_key])
    assert names_of(vault, fact) == VisitNames()
    vault.restrict([order_key], lift=True)
    assert names_of(vault, fact) == NAMES
    vault.erase([order_key])
    assert names_of(vault, fact) == VisitNames()


def test_while_the_key_store_is_away_the_page_goes_without(tmp_path: Path, fact: JourneyFact):
    away = Vault(f"sqlite:///{tmp_path / 'absent' / 'keys.sqlite3'}", b"k" * 32)

    assert names_of(away, fact) == VisitNames()


def test_what_a_producer_sent_in_clear_is_shown_as_it_is(vault: Vault):
    fact = JourneyFact.model_validate(order_after(checked_in("08:00", vehicle_label="A-345")))

    assert names_of(vault, fact) == VisitNames("A-345", None)
