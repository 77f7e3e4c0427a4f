"""The secrets of an embedded stack: who finds which, and what stays of a folder of a version before."""

import json

import pytest

from fixtrail.all_settings import Settings
from fixtrail.local.stack_secrets import SECRET_VARIABLES, secrets_of_part, stack_secrets
from fixtrail.local.supervisor import Child, Spec

BEFORE = {"clickhouse_password": "p" * 32, "clickhouse_reader_password": "r" * 32, "hash_key": "h" * 32}


def test_a_new_folder_has_one_key_for_each_purpose_which_is_made_once(tmp_path):
    secrets = stack_secrets(tmp_path, Settings(data=tmp_path))

    keys = {name: value for name, value in secrets.items() if name.endswith("_key")}
    assert set(keys) == {"hash_key", "link_key", "session_key", "webhook_key"}
    assert len(set(keys.values())) == 4 and all(len(key) >= 32 for key in keys.values())
    assert stack_secrets(tmp_path, Settings(data=tmp_path)) == secrets
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_folder_of_the_version_before_keeps_its_one_key(tmp_path):
    (tmp_path / "secrets.json").write_text(json.dumps(BEFORE))
    secrets = stack_secrets(tmp_path, Settings(data=tmp_path))
    (tmp_path / "stack.json").write_text(json.dumps(secrets))

    assert secrets == BEFORE
    settings = Settings(data=tmp_path)
    assert settings.secret() == settings.link_keys()[0] == settings.webhook_keys()[0] == b"h" * 32


def test_a_key_from_outside_goes_before_the_one_made(tmp_path):
    secrets = stack_secrets(tmp_path, Settings(data=tmp_path, link_key="l" * 32))

    assert secrets["link_key"] == "l" * 32
    assert stack_secrets(tmp_path, Settings(data=tmp_path))["link_key"] != "l" * 32


@pytest.mark.parametrize("part", ["broker", "worker-1", "pulse"])
def test_a_part_that_reads_no_secret_finds_none(part):
    assert secrets_of_part(part, BEFORE) == {}


def test_the_watch_may_read_what_its_quality_warnings_are_computed_from():
    assert secrets_of_part("watch", BEFORE).keys() == {"FIXTRAIL_CLICKHOUSE_READER_PASSWORD"}


def test_what_the_environment_of_up_holds_goes_on_to_those_alone_that_read_it(monkeypatch):
    monkeypatch.setenv("FIXTRAIL_OIDC_CLIENT_SECRET", "secret of the provider")

    assert secrets_of_part("web", BEFORE)["FIXTRAIL_OIDC_CLIENT_SECRET"] == "secret of the provider"
    assert "FIXTRAIL_OIDC_CLIENT_SECRET" not in secrets_of_part("sink-push", BEFORE)


async def test_a_child_does_not_inherit_secrets(tmp_path, monkeypatch):
    for name in SECRET_VARIABLES:
        monkeypatch.setenv(name, "canary-of-up")
    (tmp_path / "printing.py").write_text("import os\nprint(dict(os.environ))")
    spec = Spec("printing", "printing", (), {"PYTHONPATH": str(tmp_path), "FIXTRAIL_LINK_KEY": "its own"})
    child = Child(spec, tmp_path, lambda _: None, lambda: None)

    assert await child.run_once() == 0
    (line,) = child.last_lines
    assert "canary-of-up" not in line
    assert "its own" in line
