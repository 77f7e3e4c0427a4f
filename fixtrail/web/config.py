"""What the web application is run with."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixtrail.failure import REFUSED, Failure
from fixtrail.kafka import client_options
from fixtrail.notices import push_settings
from fixtrail.settings import Settings
from sinks.clickhouse.centers import Center, CentersError, read_centers
from sinks.push.config import PushSettings

CENTERS_FILE = "centers.toml"
LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one stranger, one link and all together may take up; requests are counted per minute."""

    streams: int = 10_000
    streams_of_address: int = 100
    streams_of_link: int = 10
    requests_of_address: int = 600
    requests_of_link: int = 120
    forms_of_link: int = 10


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Settings of one `fixtrail web`. `public_url` is how customers reach it, without a slash at its end."""

    settings: Settings
    kafka: Mapping[str, Any] = field(repr=False)
    secret: bytes = field(repr=False)
    host: str
    port: int
    public_url: str
    push: PushSettings = field(repr=False)
    centers: "Centers"
    limits: Limits = Limits()


def web_config(settings: Settings) -> WebConfig:
    """All of it from the settings. Raises Failure (78) where a file is wrong."""
    return WebConfig(
        settings=settings,
        kafka=client_options(settings),
        secret=settings.secret(),
        host=settings.web_host,
        port=settings.web_port,
        public_url=public_url(settings),
        push=push_settings(settings),
        centers=Centers(settings),
        limits=Limits(
            streams=settings.web_streams,
            streams_of_address=settings.web_streams_of_address,
            streams_of_link=settings.web_streams_of_link,
            requests_of_address=settings.web_requests_of_address,
        ),
    )


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
