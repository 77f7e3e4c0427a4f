"""Keys of cuts in the reader's words: centers by their names, lanes, regions and fault origins by ours."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fixtrail.web.staff.page_frame import words
from schemas.centers import Center
from schemas.locales import LOCALES, Locale

if TYPE_CHECKING:
    from fixtrail.reports.report import Bilingual, Column, Report

# By column of a table, the cut of which its values are keys; `key` may hold those of any cut.
_CUTS = {"center_id": "center", "fault_origin": "origin", "lane": "lane", "region": "region", "category": "category"}
_ANY = "key"


@dataclass(frozen=True, slots=True)
class KeyNames:
    """Names by cut and key; a key without a name stands as it is."""

    names: Mapping[str, "Mapping[str, Bilingual]"]

    def of(self, by: str | None, key: str, locale: Locale) -> str:
        """The name of a key of this cut."""
        name = self.names.get(by or "", {}).get(key)
        return key if name is None else name.in_locale(locale)

    def in_tables(self, report: "Report") -> "Report":
        """The report with these names as the words of its tables' cells; what is stored stays as it is."""
        sheets = (replace(table, columns=tuple(map(self._named, table.columns))) for table in report.sheets)
        return replace(report, sheets=tuple(sheets))

    def _named(self, column: "Column") -> "Column":
        if column.words is not None:
            return column
        if column.name == _ANY:
            return replace(column, words={key: name for names in self.names.values() for key, name in names.items()})
        return replace(column, words=self.names.get(_CUTS.get(column.name, "")))


def key_names(centers: Mapping[str, Center]) -> KeyNames:
    """Names of these centers, and of lanes, regions, fault origins and complaints."""
    from fixtrail.reports.report import Bilingual

    own = {center.id: Bilingual(center.name, center.name_en or center.name) for center in centers.values()}
    return KeyNames({"center": own, **{cut: _ours(cut) for cut in ("lane", "region", "origin", "category")}})


def _ours(cut: str) -> "dict[str, Bilingual]":
    from fixtrail.reports.report import Bilingual

    prefix = f"{cut}."
    zh, en = (words(locale).texts for locale in LOCALES)
    return {key.removeprefix(prefix): Bilingual(zh[key], en[key]) for key in en if key.startswith(prefix)}
