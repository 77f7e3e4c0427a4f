"""What of the board is looked at: region, wave, center and lane, as the address says it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fixtrail.web.accounts.users import Person
from fixtrail.web.ops.live import Lane
from schemas.centers import Center

LONGEST = 64


@dataclass(frozen=True, slots=True)
class Choice:
    """The filter; None is all of them. `wall` is the form for a screen on a wall, and no filter."""

    region: str | None = None
    wave: int | None = None
    center: str | None = None
    lane: Lane | None = None
    wall: bool = False

    def takes(self, center: Center | None, center_id: str | None) -> bool:
        """Whether a center is looked at; one that the reference file does not name has neither region nor wave."""
        if self.center is not None and center_id != self.center:
            return False
        if self.region is not None and (center is None or center.region != self.region):
            return False
        return self.wave is None or (center is not None and center.wave == self.wave)

    def query(self, **changed: Any) -> str:
        """The parameters of an address that shows this, some of them changed; with a question mark, or empty."""
        told = {"region": self.region, "wave": self.wave, "center": self.center, "lane": self.lane}
        told |= {"wall": "1" if self.wall else None, **changed}
        query = urlencode({name: value for name, value in told.items() if value is not None})
        return f"?{query}" if query else ""


def choice_of(parameters: Mapping[str, str]) -> Choice:
    """The filter of an address; what makes no sense is passed over."""
    wave = parameters.get("wave", "")
    lane = parameters.get("lane")
    return Choice(
        region=(parameters.get("region") or "")[:LONGEST] or None,
        wave=int(wave) if wave.isascii() and wave.isdigit() and len(wave) <= 2 else None,
        center=(parameters.get("center") or "")[:LONGEST] or None,
        lane="quick" if lane == "quick" else "standard" if lane == "standard" else None,
        wall=parameters.get("wall") == "1",
    )


def centers_seen(
    choice: Choice, person: Person, known: Mapping[str, Center], further: Iterable[str | None]
) -> list[str | None]:
    """The ids of the centers to show: those of the reference file, then any other that has orders.

    None stands for orders without a center; only who sees all centers sees those, and no filter picks them.
    """
    ids: list[str | None] = [*known, *sorted({each for each in further if each is not None} - known.keys())]
    if None in further and choice in (Choice(), Choice(wall=True), Choice(lane=choice.lane, wall=choice.wall)):
        ids.append(None)
    return [each for each in ids if person.may_see(each) and choice.takes(known.get(each or ""), each)]
