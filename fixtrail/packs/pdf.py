"""A page as PDF, by the Chromium that is installed: it runs no script and asks nobody for anything."""

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runtime.failure import ExitError

log = logging.getLogger(__name__)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LONGEST_S = 120.0
FLAGS = (
    *("--headless", "--disable-gpu", "--no-pdf-header-footer"),
    # No name is looked up, and whatever is asked for by an address goes to a proxy that there is not.
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>"),
)
# Of the profile. The flag that turns scripts off would leave Chromium unable to print.
NO_SCRIPT = '{"profile": {"default_content_setting_values": {"javascript": 2}}}'


def chromium() -> str | None:
    """Where Chromium is; None where it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def print_pdf(page: Path, pdf: Path) -> None:
    """Print an HTML file into a PDF file. Raises ExitError without Chromium, or where it fails.

    Chromium's own sandbox is used wherever it works: not for root, nor where the system allows no user namespaces.
    """
    program = chromium()
    if program is None:
        raise ExitError(f"a PDF needs Chromium: none of {', '.join(NAMES)} is installed. The HTML file prints as well")
    command = [program, *FLAGS, f"--print-to-pdf={pdf.absolute()}", page.absolute().as_uri()]
    is_root = os.geteuid() == 0
    printed = _run(command, ["--no-sandbox"] if is_root else [])
    if printed.returncode and not is_root and "No usable sandbox" in printed.stderr:
        log.warning("Chromium prints without its sandbox: this system allows no user namespaces")
        printed = _run(command, ["--no-sandbox"])
    if printed.returncode or not pdf.exists():
        last_line = (printed.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ExitError(f"Chromium could not print {page}: {last_line}")


def _run(command: Sequence[str], flags: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    program, *arguments = command
    with tempfile.TemporaryDirectory() as profile:
        preferences = Path(profile, "Default", "Preferences")
        preferences.parent.mkdir()
        preferences.write_text(NO_SCRIPT)
        try:
            return subprocess.run(
                [program, *flags, f"--user-data-dir={profile}", *arguments],
                capture_output=True,
                text=True,
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ExitError(f"Chromium has printed nothing within {LONGEST_S:.0f} s") from None
