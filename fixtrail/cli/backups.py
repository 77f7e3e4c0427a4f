"""`fixtrail backup` and `fixtrail restore`. Each command imports what it needs when it is called."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fixtrail.cli.app import AsJson, Data, app, say, say_json, settings_of

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing, only say what would be.")]


@app.command(epilog="Example:  fixtrail backup /backups/monday --dry-run    fixtrail backup /backups/monday")
def backup(
    folder: Folder,
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Write over an older backup in DIR.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Write topics, ClickHouse, ledger and keys into DIR, with a checksum of each file. Boxes may run meanwhile.

    DIR/keys opens what is encrypted: keep it apart, and delete it after 30 days (docs/privacy.md).
    """
    from fixtrail.backups.take import take_backup

    manifest = take_backup(settings_of(data), folder, dry_run=dry_run, force=force, say=_steps(as_json))
    _end(manifest, as_json, f"{folder}: {'nothing was written' if dry_run else 'whole'}", dry_run)


@app.command(epilog="Example:  fixtrail restore /backups/monday --dry-run    fixtrail restore /backups/monday")
def restore(
    folder: Folder,
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Put the backup in the place of what is there.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Put a backup onto an empty --data folder, or onto empty clusters whose boxes are stopped.

    Then have upstream send again what happened since it was taken. Messages that may have been sent since then are not
    sent again.
    """
    from fixtrail.backups.restore import restore_backup

    manifest = restore_backup(settings_of(data), folder, dry_run=dry_run, force=force, say=_steps(as_json))
    _end(manifest, as_json, "nothing was changed" if dry_run else "restored: start the boxes", dry_run)


def _steps(as_json: bool) -> Any:
    return (lambda _: None) if as_json else say


def _end(manifest: Any, as_json: bool, text: str, dry_run: bool) -> None:
    from dataclasses import asdict

    if as_json:
        content = asdict(manifest)
        say_json({"taken_at": content["taken_at"], "dry_run": dry_run, "files": content["files"]})
    else:
        say(text)
