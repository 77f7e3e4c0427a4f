"""How Chromium is called: with its sandbox wherever that works, without scripts, and with nobody to ask."""

import http.server
import os
import re
import threading
from pathlib import Path

import pytest

from fixtrail.packs import pdf as pdfs
from fixtrail.packs.pdf import chromium, print_pdf

# Writes its arguments down, and prints, or says why not.
PROGRAM = """#!/bin/sh
echo "$@" >> {folder}/calls
case "$*" in
  *--no-sandbox*) ;;
  *) if [ -e {folder}/no-namespaces ]; then echo "FATAL: No usable sandbox! Update your kernel" >&2; exit 1; fi ;;
esac
for argument in "$@"; do case "$argument" in --print-to-pdf=*) echo PDF > "${{argument#--print-to-pdf=}}" ;; esac; done
"""


@pytest.mark.parametrize(
    ("user", "has_namespaces", "sandboxed"),
    [(0, True, [False]), (1000, True, [True]), (1000, False, [True, False])],
    ids=["root", "user", "user without namespaces"],
)
def test_the_sandbox_is_used_wherever_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, has_namespaces: bool, sandboxed: list[bool]
):
    program = tmp_path / "chromium"
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    if not has_namespaces:
        (tmp_path / "no-namespaces").touch()
    monkeypatch.setattr(pdfs, "chromium", lambda: str(program))
    monkeypatch.setattr(os, "geteuid", lambda: user)

    print_pdf(tmp_path / "page.html", tmp_path / "page.pdf")

    calls = (tmp_path / "calls").read_text().splitlines()
    assert ["--no-sandbox" not in call for call in calls] == sandboxed


@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
def test_a_printed_page_runs_no_script_and_asks_nobody(tmp_path: Path):
    paths: list[str] = []

    class Canary(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f"127.0.0.1:{server.server_port}"
    page = tmp_path / "page.html"
    page.write_text(
        "<script>for (let i = 0; i < 9; i++) document.write('<p style=\"page-break-after: always\">x</p>')</script>"
        f'<script>fetch("http://{at}/script")</script><link rel="stylesheet" href="http://{at}/css"><p>x</p>'
        f'<img src="http://{at}/image"><img src="http://localhost:{server.server_port}/name"><iframe src="http://{at}/"></iframe>'
    )
    try:
        print_pdf(page, tmp_path / "page.pdf")
    finally:
        server.shutdown()
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "page.pdf").read_bytes())) == 1
    assert paths == []
