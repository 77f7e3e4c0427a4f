"""What Fixtrail is made of can be listed and checked, and its licence is there."""

import json
import re
import subprocess
import sys
import tomllib

from tests.clickhouse_node import free_ports
from tests.paths import ROOT
from tools import audit

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_list_of_what_runs_names_every_package_with_its_version_and_hashes(tmp_path):
    file = tmp_path / "sbom.cdx.json"
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", ROOT / "requirements.lock", "--of", "JSON"]
    subprocess.run([*command, "-o", file], check=True, capture_output=True, timeout=120)
    listed = json.loads(file.read_text())
    locked = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)

    assert listed["bomFormat"] == "CycloneDX"
    assert {(part["name"], part["version"]) for part in listed["components"]} == set(locked)
    hashes = [part["externalReferences"][0]["hashes"] for part in listed["components"]]
    assert all(digest["alg"] == "SHA-256" for digests in hashes for digest in digests) and all(hashes)


def test_the_audit_says_where_its_database_cannot_be_reached_and_fails_nothing(monkeypatch, capsys):
    monkeypatch.setattr(audit, "DATABASE", f"http://127.0.0.1:{free_ports(1)[0]}/v1/query")

    assert audit.main([]) == 0
    assert capsys.readouterr().out.startswith("NOT CHECKED: requirements.lock against known weaknesses")


def test_the_licence_that_is_named_is_there():
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert (ROOT / "SECURITY.md").exists()
