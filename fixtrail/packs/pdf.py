"""A page as PDF, by the Chromium that is installed."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from runtime.failure import ExitError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LONGEST_S = 120.0


def chromium() -> str | None:
    """Where Chromium is; None where it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def print_pdf(page: Path, pdf: Path) -> None:
    """Print an HTML file into a PDF file. Raises ExitError without Chromium, or where it fails."""
    program = chromium()
    if program is None:
        raise ExitError(f"a PDF needs Chromium: none of {', '.join(NAMES)} is installed. The HTML file prints as well")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            program,
            *("--headless", "--disable-gpu", "--no-sandbox", "--no-pdf-header-footer", f"--user-data-dir={profile}"),
            *(f"--print-to-pdf={pdf.absolute()}", page.absolute().as_uri()),
        ]
        try:
            printed = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
        except subprocess.TimeoutExpired:
            raise ExitError(f"Chromium has printed nothing within {LONGEST_S:.0f} s") from None
    if printed.returncode or not pdf.exists():
        last_line = (printed.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ExitError(f"Chromium could not print {page}: {last_line}")
