"""Upstream text made safe for a terminal, for XML, and for pages and tables."""

import re
import sys
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from rich.text import Text

# What XML 1.0 cannot hold, escaped or not.
NOT_XML = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")

# Nobody sees them, and some let a text look like another one; tabs and line ends are none of them.
_CONTROLS = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff\\ufffe\\uffff]"
)


def printable(text: str) -> str:
    """The text with control and direction characters replaced, so that a terminal runs no command in it."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def printable_lines(text: str) -> str:
    """Printable text of several lines; line breaks and tabs stay."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def xml_text(text: str) -> str:
    """The text with what XML cannot hold replaced."""
    return NOT_XML.sub("\ufffd", text)


def without_controls(text: str) -> str:
    """The text with control and direction characters replaced."""
    return text if text.isprintable() else _CONTROLS.sub("\ufffd", text)


def shown_in_page(value: object) -> object:
    """What a template shows of a value (`finalize` of Jinja): of a text `without_controls`, markup as it is."""
    return without_controls(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def exactly(text: str) -> Markup:
    """A filter of templates: the text, escaped and otherwise unchanged, for a value that a form sends back."""
    return escape(text)


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
