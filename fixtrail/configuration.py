"""`fixtrail notices`: what customers were told and why not, what they would read, and what they agree to."""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from fixtrail.settings import Settings
from runtime.failure import REFUSED, Failure
from schemas.centers import Center, CentersError, read_centers
from sinks.push.config import PushConfigError, PushSettings, read_push_settings
from sinks.push.words.compose import Link


def push_settings(settings: Settings) -> PushSettings:
    """The push sink's settings. Raises Failure (78) where the file is wrong."""
    try:
        return read_push_settings(settings.push)
    except PushConfigError as error:
        raise Failure(str(error), REFUSED) from None


def centers_of(settings: Settings) -> Mapping[str, Center]:
    """The centers of the reference file, or of centers.toml in the data folder, by id; none without one.

    Raises Failure (78) where the file is wrong.
    """
    from fixtrail.configuration import CENTERS_FILE

    path = settings.centers or settings.data / CENTERS_FILE
    if settings.centers is None and not path.exists():
        return {}
    try:
        return {center.id: center for center in read_centers(path).center}
    except CentersError as error:
        raise Failure(str(error), REFUSED) from None


def links_of(settings: Settings) -> Link:
    """What gives an order's link to its tracking page; "" where nobody says how customers reach the pages.

    A link is issued as of what it is sent with: a message that is tried again says the same again.
    """
    from fixtrail.configuration import public_url
    from fixtrail.tracking_links import tracking_url

    base = public_url(settings)
    if not base:
        return lambda order_id, at: ""
    secret = settings.secret()
    return lambda order_id, at: tracking_url(base, secret, order_id, at)


CENTERS_FILE = "centers.toml"
LOOK_EVERY_S = 5.0


def public_url(settings: Settings) -> str:
    """How customers reach the pages: as it is set, or as the embedded stack serves them; "" where nobody says."""
    return (settings.public_url or settings.stack.get("web") or "").rstrip("/")


class Centers:
    """The centers of the reference file: FIXTRAIL_CENTERS, or centers.toml in the data folder.

    It is read again when it changes; a wrong file then leaves what was known.
    Raises Failure (78) where it is wrong from the start.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.centers or settings.data / CENTERS_FILE
        self._known: dict[str, Center] = {}
        self._read_of = 0.0
        self._look_at = 0.0
        try:
            self._look()
        except CentersError as error:
            raise Failure(str(error), REFUSED) from None

    def get(self, center_id: str | None) -> Center | None:
        """The center, or None where the file does not name it."""
        return self.all().get(center_id or "")

    def all(self) -> Mapping[str, Center]:
        """Every known center by id."""
        if time.monotonic() >= self._look_at:
            with suppress(CentersError):
                self._look()
        return self._known

    def _look(self) -> None:
        self._look_at = time.monotonic() + LOOK_EVERY_S
        changed_at = _changed_at(self._path)
        if changed_at not in (0.0, self._read_of):
            self._read_of = changed_at
            self._known = {center.id: center for center in read_centers(self._path).center}


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
