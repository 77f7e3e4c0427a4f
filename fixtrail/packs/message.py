"""The three of 3-15-30: a message of at most three sentences and five figures, for a chat or a short mail."""

from fixtrail.packs import words
from fixtrail.packs.words import Pack, Row
from fixtrail.reports.report import Locale

# What a WeCom robot takes as text.
LONGEST_BYTES = 2048
MOST_FIGURES = 5


def render_message(pack: Pack, locale: Locale, note: str = "") -> str:
    """The message, in at most LONGEST_BYTES of UTF-8. `note` is a line of its own, such as that it comes late."""
    sentences = (words.targets_sentence, words.changes_sentence, words.doubts_sentence)
    lead = {"zh-CN": "", "en": " "}[locale].join(filter(None, (tell(pack, locale) for tell in sentences)))
    lines = [line_of(pack, row, locale) for row in _figures(pack)][:MOST_FIGURES]
    head, last = [words.heading(pack, locale), *([note] if note else [])], words.foot(pack)
    while len(message := "\n".join([*head, lead, *lines, last]).encode()) > LONGEST_BYTES and lines:
        lines.pop()
    if len(message) > LONGEST_BYTES:
        room = LONGEST_BYTES - len("\n".join([*head, "", last]).encode())
        lead = lead.encode()[:room].decode(errors="ignore")
        return "\n".join([*head, lead, last])
    return message.decode()


def line_of(pack: Pack, row: Row, locale: Locale) -> str:
    """`• NPS 74.3 (70.1 to 78.5), n 210; target 90: missed`."""
    line = f"• {words.title_of(pack, row['figure'], locale)} {words.value_text(pack, row, locale)}"
    target, status = words.target_text(pack, row, locale), words.status_text(row, locale)
    if not target:
        return line
    return {"zh-CN": "{}；目标 {}：{}", "en": "{}; target {}: {}"}[locale].format(line, target, status)


def _figures(pack: Pack) -> list[Row]:
    rows = (words.figure_of(pack, name) for name in pack["headlines"])
    return [row for row in rows if row is not None and (row["value"] is not None or row["target"] is not None)]
