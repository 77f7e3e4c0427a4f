"""The service centers as reference data: from a TOML file into ClickHouse, replaced whole."""

from collections import Counter
from datetime import date, time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.times import checked_time_zone
from schemas.toml_file import TomlTable, load_model


class Center(TomlTable):
    """One center. Wave 0 is none; `wave_start` is the local date of its change-over, else that of its wave.

    `tells_ready`: when customers are told that a car is ready whose work is done. `proof`: once a check has passed or
    the center has said so. `repair`: `ready_after_min` minutes after the last repair, too. `auto`: `repair` while none
    of its orders handed off in the last 28 days had a check or a `ready` (CONTRACT section 2).

    A center that closes no later than it opens closes on the day after: 22:00 to 06:00 is a night, 00:00 to 00:00 a
    whole day. It stays closed on the days of `closed_on` (holidays), and is open on those of `open_on` (made up for)
    whatever weekday they are.

    Telephone and address are shown to customers and stored nowhere.
    """

    id: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(min_length=1)]
    name_en: str = ""
    region: Annotated[str, Field(min_length=1, max_length=64)]
    wave: Annotated[int, Field(ge=0, le=99)] = 0
    wave_start: date | None = None
    time_zone: str = "Asia/Shanghai"
    opens: time = time(8, 30)
    closes: time = time(18)
    phone: Annotated[str, Field(max_length=40, pattern=r"^[0-9+ ()/.-]*$")] = ""
    address: Annotated[str, Field(max_length=200)] = ""
    address_en: Annotated[str, Field(max_length=200)] = ""
    tells_ready: Literal["proof", "repair", "auto"] = "auto"
    ready_after_min: Annotated[float, Field(ge=0, le=24 * 60)] = 10
    weekdays: Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(min_length=1)] = (1, 2, 3, 4, 5, 6, 7)
    closed_on: Annotated[frozenset[date], Field(max_length=2000)] = frozenset()
    open_on: Annotated[frozenset[date], Field(max_length=2000)] = frozenset()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return checked_time_zone(zone)

    @model_validator(mode="after")
    def _open_or_closed(self) -> "Center":
        if both := sorted(self.closed_on & self.open_on):
            raise ValueError(f"{both[0]} is in closed_on and in open_on")
        return self

    def opens_on(self, day: date) -> bool:
        """Whether the center opens on that day of its zone."""
        return day in self.open_on or (day.isoweekday() in self.weekdays and day not in self.closed_on)


class Wave(TomlTable):
    """A rollout wave and the date from which its centers work the new way."""

    number: Annotated[int, Field(ge=1, le=99)]
    start: date


class Centers(TomlTable):
    center: Annotated[tuple[Center, ...], Field(min_length=1)]
    wave: tuple[Wave, ...] = ()

    @model_validator(mode="after")
    def _no_repeated_id(self) -> "Centers":
        counts = Counter([*(f"center {center.id}" for center in self.center), *(f"wave {w.number}" for w in self.wave)])
        if repeated := [name for name, number in counts.items() if number > 1]:
            raise ValueError(f"{', '.join(repeated)} is there more than once")
        return self


def read_centers(path: Path) -> Centers:
    """The centers in a TOML file: [[center]] tables, and [[wave]] tables with `number` and `start`.

    Raises TomlFileError where the file is not that.
    """
    return load_model(path, Centers)
