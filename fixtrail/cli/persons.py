"""`fixtrail person`: a person's rights: what is kept of them, to have it erased, or used no more."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fixtrail.cli.app import AsJson, Data, say, say_json, settings_of

if TYPE_CHECKING:
    from fixtrail.persons.erase import Erased
    from fixtrail.persons.restrict import Restricted

person_app = typer.Typer(help="A person's rights: export, erase, restrict.", no_args_is_help=True)

Vehicle = Annotated[str | None, typer.Option("--vehicle", metavar="ID", help="Who had orders of this vehicle.")]
Customer = Annotated[str | None, typer.Option("--customer", metavar="ID", help="The customer of this id.")]
Contact = Annotated[
    str | None, typer.Option("--contact", metavar="ADDRESS", help="Who is reached here: sms:+8613800000000.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing, only say what would be.")]


@person_app.command("export", epilog="Example:  fixtrail person export --customer C-1001 > C-1001.json")
def person_export(
    vehicle: Vehicle = None, customer: Customer = None, contact: Contact = None, data: Data = None
) -> None:
    """Everything that is kept of a person, readable, as JSON: events, journeys, messages, consents, rows."""
    from fixtrail.persons.export import export
    from fixtrail.persons.person import person_of

    say_json(asyncio.run(export(settings_of(data), person_of(vehicle, customer, contact))))


@person_app.command("erase", epilog="Example:  fixtrail person erase --customer C-1001 --dry-run")
def person_erase(
    vehicle: Vehicle = None,
    customer: Customer = None,
    contact: Contact = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Erase who the person's orders were about, everywhere and for good. No figure changes.

    Exits 1 where some of it stays readable until a topic's retention, because it was written to Kafka in clear.
    """
    from dataclasses import asdict

    from fixtrail.persons.erase import erase
    from fixtrail.persons.person import person_of

    erased = asyncio.run(erase(settings_of(data), person_of(vehicle, customer, contact), dry_run=dry_run))
    if as_json:
        say_json({**asdict(erased), "remains_until": erased.remains_until})
    else:
        _say_erased(erased)
    raise SystemExit(1 if erased.remains else 0)


def _say_erased(erased: "Erased") -> None:
    from schemas.times import from_ms

    say(f"{'would be erased' if erased.dry_run else 'erased'}: {len(erased.orders):,} orders")
    for number, description in (
        (erased.keys, "keys, and with them every encrypted address and text"),
        (erased.records, "records in topics that were read with them, or name the order"),
        (erased.journeys, "journeys of closed orders"),
        (erased.messages, "messages in the ledger"),
        (erased.subscriptions + erased.consents, "subscriptions and consents"),
        (erased.clickhouse_texts, "free texts in ClickHouse"),
    ):
        say(f"  {number:>8,}  {description}")
    if erased.open_orders:
        say(f"{erased.open_orders:,} orders are still open: their vehicle is shown until they are closed")
    if erased.remains_until is not None:
        until = f"{from_ms(erased.remains_until):%Y-%m-%d}"
        say(f"{len(erased.remains):,} records were written to Kafka in clear; the last one goes by {until} (--json)")
    _say_backups(erased)


def _say_backups(erased: "Erased") -> None:
    """In which backups the person still can be read, and when that ends."""
    from schemas.times import from_ms

    if not erased.backups:
        say("no backup that `fixtrail backup` has noted still holds the person; those taken in other ways are yours")
        return
    last = max(backup["keys_until"] for backup in erased.backups)
    say(f"{len(erased.backups):,} backups still hold the person, the last one until {from_ms(last):%Y-%m-%d}:")
    for backup in erased.backups:
        where = f"{backup['host']}:{backup['folder']}"
        taken_on, until = (f"{from_ms(backup[name]):%Y-%m-%d}" for name in ("taken_at", "keys_until"))
        end = f"its keys are overdue since {until}: delete them now" if backup["is_overdue"] else f"keys until {until}"
        say(f"  {where}, {taken_on} ({backup['age_days']:,} days old): {_SEEN_AS[backup['state']]}; {end}")


_SEEN_AS = {
    "keys": "its keys are there",
    "no_keys": "its keys are deleted, records in clear are in it",
    "gone": "not there: deleted, or moved with its keys",
    "other_host": "on another host",
}


@person_app.command("restrict", epilog="Example:  fixtrail person restrict --contact sms:+8613800000000")
def person_restrict(
    vehicle: Vehicle = None,
    customer: Customer = None,
    contact: Contact = None,
    lift: Annotated[bool, typer.Option("--lift", help="End the restriction.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Keep the data, but send no more messages and show no address or customer id; until it is lifted."""
    from dataclasses import asdict

    from fixtrail.persons.person import person_of
    from fixtrail.persons.restrict import restrict

    person = person_of(vehicle, customer, contact)
    restricted = asyncio.run(restrict(settings_of(data), person, dry_run=dry_run, lift=lift))
    if as_json:
        say_json(asdict(restricted))
    else:
        _say_restricted(restricted)


def _say_restricted(restricted: "Restricted") -> None:
    outcome = "the restriction is lifted" if restricted.lifted else "restricted"
    say(f"{'would be: ' if restricted.dry_run else ''}{outcome}: {len(restricted.orders):,} orders")
    details: list[tuple[Any, str]] = [
        (restricted.messages, "messages that waited will not be sent"),
        (restricted.plain_records, "records name an address in clear: restrict it by --contact, too"),
    ]
    for number, description in details:
        if number:
            say(f"  {number:>8,}  {description}")
    if restricted.opted_out:
        say("nothing more is sent to the address, of whatever order")
