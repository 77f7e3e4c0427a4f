"""Upstream text made safe for a terminal, and for XML."""

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

# What XML 1.0 cannot hold, escaped or not.
NOT_XML = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")


def printable(text: str) -> str:
    """The text with control and direction characters replaced, so that a terminal runs no command in it."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def printable_lines(text: str) -> str:
    """The same for text of several lines, which stay lines; tabs stay tabs."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def xml_text(text: str) -> str:
    """The text with what XML cannot hold replaced."""
    return NOT_XML.sub("\ufffd", text)


def shown_text(text: str) -> str:
    """The text as stdout is to have it: `printable_lines` on a terminal, unchanged in a pipe or file."""
    return printable_lines(text) if sys.stdout.isatty() else text


def write_stdout(content: bytes) -> None:
    """Write bytes unchanged into a pipe or file; a terminal shows them as printable text."""
    if sys.stdout.isatty():
        sys.stdout.write(printable_lines(content.decode(errors="backslashreplace")))
    else:
        sys.stdout.buffer.write(content)


def escaped(text: str) -> str:
    """The printable text within markup of rich."""
    from rich.markup import escape

    return escape(printable_lines(text))


def cell(text: str) -> "Text":
    """The same for a table of rich, which would take [words in brackets] for markup."""
    from rich.text import Text

    return Text(printable(text))
