"""Upstream text made safe for a terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


def printable(text: str) -> str:
    """The text with control and direction characters replaced, so that a terminal runs no command in it."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def printable_lines(text: str) -> str:
    """The same for text of several lines, which stay lines; tabs stay tabs."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def cell(text: str) -> "Text":
    """The same for a table of rich, which would take [words in brackets] for markup."""
    from rich.text import Text

    return Text(printable(text))
