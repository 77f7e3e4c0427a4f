"""Reads the files that settings name: the push sink's, the targets and the centers.

All functions raise ExitError (78) where a file is wrong.
"""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fixtrail.settings import CentersSettings, LedgerSettings, ProcedureSettings, ReportSettings, TrackingSettings
from fixtrail.tracking_links import tracking_url
from runtime.failure import REFUSED, exit_on
from schemas.centers import Center, read_centers
from schemas.toml_file import TomlFileError
from sinks.push.config import PushSettings, read_push_settings
from sinks.push.words.compose import Link

if TYPE_CHECKING:
    from fixtrail.procedures.file import Procedures
    from fixtrail.reports.targets import Targets

CENTERS_FILE = "centers.toml"
LOOK_EVERY_S = 5.0


def push_settings(settings: LedgerSettings) -> PushSettings:
    """The push sink's own settings; without a file, those that message nobody."""
    with refusal():
        return read_push_settings(settings.push)


def report_targets(settings: ReportSettings) -> "Targets":
    """The targets and periods; without a file, none. A wrong file ends with exit code 2 instead."""
    from fixtrail.reports.targets import NO_TARGETS, read_targets

    return read_targets(settings.targets) if settings.targets else NO_TARGETS


def procedures_of(settings: ProcedureSettings) -> "Procedures | None":
    """The standard procedures; without a file, none."""
    if settings.procedures is None:
        return None
    from fixtrail.procedures.file import read_procedures

    with refusal():
        return read_procedures(settings.procedures)


def centers_of(settings: CentersSettings) -> Mapping[str, Center]:
    """The centers of the reference file, or of centers.toml in the data folder, by id; none without one."""
    path = _centers_file(settings)
    if settings.centers is None and not path.exists():
        return {}
    with refusal():
        return _centers_in(path)


def hand_to_boxes(settings: CentersSettings, file: Path) -> str:
    """Give the boxes the same centers as ClickHouse where that can be done from here; a sentence about it.

    Those of an embedded stack that were given no file read a copy in the data folder.
    """
    if settings.centers is not None:
        if settings.centers.resolve() == file.resolve():
            return f"boxes read the same file, {file}: push sink and watch at their next start, the pages at once"
        return f"boxes still read {settings.centers}, which FIXTRAIL_CENTERS names: let it name this file, too"
    if not settings.stack:
        return "boxes do not read ClickHouse: let FIXTRAIL_CENTERS name this file for web, push sink, watch and migrate"
    target = settings.data / CENTERS_FILE
    if file.resolve() != target.resolve():
        draft = target.with_suffix(".new")
        shutil.copyfile(file, draft)
        draft.replace(target)
    return (
        f"{target}: the pages show them within {LOOK_EVERY_S:.0f} s, push sink and watch after a restart of the stack"
    )


def links_of(settings: TrackingSettings) -> Link:
    """What gives an order's link to its tracking page; "" where nobody says how customers reach the pages.

    A link is issued as of what it is sent with: a message that is tried again says the same again.
    """
    base = public_url(settings)
    if not base:
        return lambda order, vehicle_id, at: ""
    secret = settings.link_keys()[0]
    return lambda order, vehicle_id, at: tracking_url(base, secret, order, vehicle_id, at)


def public_url(settings: TrackingSettings) -> str:
    """How customers reach the pages: as it is set, or as the embedded stack serves them; "" where nobody says."""
    return (settings.public_url or settings.stack.get("web") or "").rstrip("/")


class CenterFile:
    """The centers of the reference file: FIXTRAIL_CENTERS, or centers.toml in the data folder.

    It is read again when it changes; a wrong file then leaves what was known.
    Raises ExitError (78) where it is wrong from the start.
    """

    def __init__(self, settings: CentersSettings) -> None:
        self._path = _centers_file(settings)
        self._centers: Mapping[str, Center] = {}
        self._read_of = 0.0
        self._look_at = 0.0
        with refusal():
            self._look()

    def get(self, center_id: str | None) -> Center | None:
        """The center, or None where the file does not name it."""
        return self.all().get(center_id or "")

    def all(self) -> Mapping[str, Center]:
        """Every known center by id."""
        if time.monotonic() >= self._look_at:
            with suppress(TomlFileError):
                self._look()
        return self._centers

    def _look(self) -> None:
        self._look_at = time.monotonic() + LOOK_EVERY_S
        changed_at = _changed_at(self._path)
        if changed_at not in (0.0, self._read_of):
            self._read_of = changed_at
            self._centers = _centers_in(self._path)


def _centers_file(settings: CentersSettings) -> Path:
    return settings.centers or settings.data / CENTERS_FILE


def _centers_in(path: Path) -> dict[str, Center]:
    centers = read_centers(path)
    starts = {wave.number: wave.start for wave in centers.wave}
    return {
        center.id: center.model_copy(update={"wave_start": center.wave_start or starts.get(center.wave)})
        for center in centers.center
    }


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


@contextmanager
def refusal() -> Iterator[None]:
    """Makes an ExitError (78) of a file that is wrong, for what cannot start without it."""
    with exit_on(TomlFileError, code=REFUSED):
        yield
