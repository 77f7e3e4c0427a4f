"""The board's filter from the query string: region, wave, center and lane, what is searched, and how it is sorted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from fixtrail.web.accounts.users import Person
from fixtrail.web.board.live import Lane
from schemas.centers import Center

LONGEST = 64
Sort = Literal["urgency", "wait", "promise", "center"]
CenterSort = Literal["urgency", "name", "open", "waiting", "longest"]


@dataclass(frozen=True, slots=True)
class BoardFilter:
    """The filter; None is all of them. `wall`: the form for a screen on a wall. `unshortened`: lists have no limit."""

    region: str | None = None
    wave: int | None = None
    center: str | None = None
    lane: Lane | None = None
    wall: bool = False
    search: str | None = None
    sort: Sort = "urgency"
    centers_by: CenterSort = "urgency"
    unshortened: bool = False

    @property
    def picks_centers(self) -> bool:
        """Whether it leaves any center out."""
        return (self.region, self.wave, self.center) != (None, None, None)

    def matches(self, center: Center | None, center_id: str | None) -> bool:
        """Whether a center is looked at; one that the reference file does not name has neither region nor wave."""
        if self.center is not None and center_id != self.center:
            return False
        if self.region is not None and (center is None or center.region != self.region):
            return False
        return self.wave is None or (center is not None and center.wave == self.wave)

    def query(self, **changed: Any) -> str:
        """The parameters of an address that shows this, some of them changed; with a question mark, or empty."""
        parameters = {"region": self.region, "wave": self.wave, "center": self.center, "lane": self.lane}
        parameters |= {"q": self.search, "sort": None if self.sort == "urgency" else self.sort}
        parameters |= {"by": None if self.centers_by == "urgency" else self.centers_by}
        parameters |= {"all": "1" if self.unshortened else None, "wall": "1" if self.wall else None, **changed}
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        return f"?{query}" if query else ""


def filter_of(parameters: Mapping[str, str]) -> BoardFilter:
    """The filter of an address; what makes no sense is passed over."""
    wave = parameters.get("wave", "")
    lane = parameters.get("lane")
    return BoardFilter(
        region=(parameters.get("region") or "")[:LONGEST] or None,
        wave=int(wave) if wave.isascii() and wave.isdigit() and len(wave) <= 2 else None,
        center=(parameters.get("center") or "")[:LONGEST] or None,
        lane="quick" if lane == "quick" else "standard" if lane == "standard" else None,
        wall=parameters.get("wall") == "1",
        search=(parameters.get("q") or "").strip()[:LONGEST] or None,
        sort=next((sort for sort in get_args(Sort) if sort == parameters.get("sort")), "urgency"),
        centers_by=next((sort for sort in get_args(CenterSort) if sort == parameters.get("by")), "urgency"),
        unshortened=parameters.get("all") == "1",
    )


def visible_centers(
    choice: BoardFilter, person: Person, centers: Mapping[str, Center], further: Iterable[str | None]
) -> list[str | None]:
    """The ids of the centers to show: those of the reference file, then any other that has orders.

    None stands for orders without a center; only who sees all centers sees those, and no filter picks them.
    """
    ids: list[str | None] = [
        *centers,
        *sorted({center_id for center_id in further if center_id is not None} - centers.keys()),
    ]
    if None in further and not choice.picks_centers:
        ids.append(None)
    return [
        center_id
        for center_id in ids
        if person.may_see(center_id) and choice.matches(centers.get(center_id or ""), center_id)
    ]
