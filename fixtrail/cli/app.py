"""What the command groups share: the application, options, settings, output."""

import codecs
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from runtime.failure import USAGE, ExitError

if TYPE_CHECKING:
    from fixtrail.all_settings import Settings
    from schemas.locales import Locale

EXIT_CODES = (
    "Exit codes: 0 done, 1 a negative result or something that did not work, 2 wrong usage, 3 the data there are do "
    "not support an answer, 70 a bug or a failed write, 75 ended by the watchdog, 78 refuses to go on."
)
app = typer.Typer(
    name="fixtrail",
    help="Event-driven customer-journey tracker for after-sales service.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the embedded stack.  [env: FIXTRAIL_DATA; default: .fixtrail]")
]
OfCenter = Annotated[
    str | None,
    typer.Option("--center", metavar="CENTER", help="The order's center; needed where several have the number."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for scripts.")]


def settings_of(data: Path | None, **changed: Any) -> "Settings":
    from fixtrail.all_settings import read_settings

    values = {name: value for name, value in {"data": data, **changed}.items() if value is not None}
    return read_settings(**values)


def locale_of(text: str) -> "Locale":
    """A language of pages and messages. Raises ExitError for one that we do not speak."""
    from schemas.locales import LOCALES

    for locale in LOCALES:
        if text == locale:
            return locale
    raise ExitError(f"--locale is {' or '.join(LOCALES)}", USAGE)


def say(message: str) -> None:
    """Print a text on stdout; a terminal takes nothing in it for a command."""
    from fixtrail.terminal.printable import shown_text

    print(shown_text(message), flush=True)


def say_json(document: Any) -> None:
    import orjson

    say(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def open_input(source: Path) -> BinaryIO:
    """The bytes of a file, or of standard input for `-`. Raises ExitError (2) where they are UTF-16 or UTF-32."""
    opened = sys.stdin.buffer if str(source) == "-" else source.open("rb")
    first = opened.peek(4)[:4] if isinstance(opened, io.BufferedReader) else b""
    # A mark of two bytes, or a NUL beside an ASCII character: JSON in UTF-8 has neither.
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in first:
        opened.close()
        raise ExitError(f"{source} is UTF-16 or UTF-32: nothing was read of it. Save it as UTF-8 and call again", USAGE)
    return opened
