"""`fixtrail report pack` and `fixtrail pack verify`."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from fixtrail.packs.asking import AsOf
from fixtrail.packs.compute import Pack, PackRequest, compute_pack, news_since, watermark
from fixtrail.packs.files import texts_beside, write_files
from fixtrail.packs.history import BY_COMMAND, record_pack
from fixtrail.packs.message import render_message
from fixtrail.packs.period import kind_of, period_of
from fixtrail.packs.verify import (
    News,
    PackDifference,
    differences,
    flaws_of,
    is_behind,
    part_flaws,
    read_pack,
    text_flaws,
    word_flaws,
)
from fixtrail.reports.options import parse_day
from fixtrail.reports.report import Locale
from fixtrail.reports.targets import NO_TARGETS, Targets, read_targets, targets_of
from fixtrail.settings import ReportSettings
from runtime.failure import NEGATIVE, OK, USAGE, ExitError

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PackCommand:
    """What `fixtrail report pack` was told. `table`: figures that somebody told, instead of ClickHouse's."""

    period: str
    end: str | None
    out: Path | None
    locale: Locale
    dry_run: bool = False
    pdf: bool = False
    as_json: bool = False
    targets: Path | None = None
    table: Path | None = None


def make_pack(settings: ReportSettings, command: PackCommand, say: Say) -> int:
    """Compute a pack, write its files and keep its figures; the exit code 0.

    Raises ExitError for a period or file that is wrong, or where ClickHouse is away.
    """
    kind, end = kind_of(command.period), parse_day(command.end, "--end")
    now = datetime.now(UTC)
    targets, targets_sha256 = read_targets_of(command.targets or settings.targets)
    yesterday = now.astimezone(ZoneInfo(targets.time_zone)).date() - timedelta(days=1)
    request = PackRequest(period_of(kind, end or yesterday), targets, targets_sha256)
    pack = _pack(settings, command, request, now)
    if command.as_json:
        say(orjson.dumps(pack, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode())
    else:
        say(render_message(pack, command.locale))
    if command.dry_run:
        return OK
    folder = command.out or Path(f"pack-{kind}-{request.period.until}")
    files = write_files(pack, folder, command.pdf)
    lines = [f"{file} written" for file in files]
    if command.table is None:
        lines.append(_record(settings, pack))
    if not command.as_json:
        say("\n".join(lines))
    return OK


def _pack(settings: ReportSettings, command: PackCommand, request: PackRequest, now: datetime) -> Pack:
    if command.table is None:
        return compute_pack(AsOf(settings), request, now)
    from fixtrail.packs.external import external_pack

    return external_pack(command.table, request, now)


def _record(settings: ReportSettings, pack: Pack) -> str:
    """Keep the figures; what to say of it."""
    try:
        return f"{record_pack(settings, pack, BY_COMMAND)} figures kept in table packs"
    except ExitError as error:
        # The files are there: that the history lacks them is no reason to throw them away.
        return f"NOT kept in table packs: {error}"


def read_targets_of(file: Path | None) -> tuple[Targets, str | None]:
    """The targets of a file and the hash of its bytes; none without one. Raises ExitError for a file that is wrong."""
    if file is None:
        return NO_TARGETS, None
    targets = read_targets(file)
    return targets, hashlib.sha256(file.read_bytes()).hexdigest()


def verify_pack(
    settings: ReportSettings, file: Path, targets_file: Path | None, say: Say, *, file_only: bool, as_json: bool
) -> int:
    """Say whether a pack's numbers hold: 0 where they do or were restated, 1 where something is wrong."""
    pack = read_pack(file)
    flaws = flaws_of(pack)
    changed: list[PackDifference] = []
    if not flaws:
        flaws = text_flaws(pack, texts_beside(pack, file.parent))
        if not file_only and pack["as_of"] is not None:
            flaws_of_data, changed = _compared(settings, pack, targets_file)
            flaws += flaws_of_data
    wrong = [difference for difference in changed if difference.verdict == "wrong"]
    verdict = "wrong" if flaws or wrong else "restated" if changed else "same"
    if as_json:
        document = {"file": str(file), "sha256": pack.get("sha256"), "verdict": verdict, "flaws": flaws}
        say(orjson.dumps({**document, "differences": [asdict(item) for item in changed]}, option=2).decode())
    else:
        say("\n".join([*(f"WRONG: {flaw}" for flaw in flaws), *map(line_of, changed), _conclusion(pack, verdict)]))
    return NEGATIVE if verdict == "wrong" else OK


def _compared(settings: ReportSettings, pack: Pack, file: Path | None) -> tuple[list[str], list[PackDifference]]:
    """What is wrong, and where the figures differ, of the pack computed again as of its moment."""
    ask = AsOf(settings)
    request = _request_of(pack, file or settings.targets)
    if is_behind(pack["watermark"], watermark(ask)):
        return ["ClickHouse does not have all the records that it was computed from: nothing can be compared"], []
    news = News(**news_since(ask, request, pack["watermark"]))
    again = compute_pack(ask, request, datetime.now(UTC), datetime.fromisoformat(pack["as_of"]))
    is_judged = request.targets_sha256 == pack["targets"]["sha256"]
    changed = differences(pack, again["figures"], news, is_judged=is_judged)
    flaws = part_flaws(pack, again, news) if is_judged and not changed else []
    return flaws + word_flaws(pack, again, news), changed


def _request_of(pack: Pack, file: Path | None) -> PackRequest:
    """The request that a pack answered. Of its targets' file only the values are in the pack. Raises ExitError."""
    period = pack["period"]
    try:
        kind, until = kind_of(period["kind"]), datetime.fromisoformat(period["until"]).date()
        zone: dict[str, Any] = {"time_zone": period["time_zone"]}
        targets, targets_sha256 = read_targets_of(file) if file else (targets_of(zone), None)
        if targets.time_zone != period["time_zone"]:
            raise ExitError(f"the pack's days are those of {period['time_zone']}, the targets' of another zone", USAGE)
        return PackRequest(period_of(kind, until), targets, targets_sha256)
    except (ValueError, KeyError, TypeError) as error:
        raise ExitError(f"the pack's period cannot be read: {error}", USAGE) from None


def line_of(item: PackDifference) -> str:
    """The line of `pack verify` for a number that differs."""
    name = f"{item.figure} ({item.period}{f', {item.key}' if item.key else ''}) {item.name}"
    return f"{item.verdict:<9} {name}: was {_number(item.before)}, now {_number(item.now)}: {item.reason}"


def _number(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else f"{value:.6g}"


def _conclusion(pack: Pack, verdict: str) -> str:
    computed = pack["as_of"] is not None
    words = {
        "same": "all numbers hold" if computed else "the file is whole; its numbers were told, not computed here",
        "restated": "told rightly then; events that came since have changed the numbers above",
        "wrong": "what is named above does not hold",
    }
    return f"{str(pack.get('sha256'))[:12]} {pack['period']['since']} to {pack['period']['until']}: {words[verdict]}"
