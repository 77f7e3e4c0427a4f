"""API keys: made, listed and revoked by command, known to a running server at once, and only as hashes on disk."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fixtrail.all_settings import Settings
from fixtrail.cli.main import app
from fixtrail.web.api.command import add_key, list_keys, print_keys, revoke_key
from fixtrail.web.api.keys import KeyFile, KeyRing, key_file, make_key
from runtime.failure import ExitError
from tests.event_api import SURVEY, Api, problem_of

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


def ring_of(settings: Settings) -> KeyRing:
    return KeyRing(key_file(settings))


def test_a_key_is_found_by_its_text_alone(settings: Settings):
    text, key = add_key(settings, "dms", scopes=["events:write"])
    ring = ring_of(settings)

    assert ring.find(text, NOW) == key
    for wrong in (text[:-1], text + "x", text.upper(), text[:-1] + ("a" if text[-1] != "a" else "b"), "", "ftk__"):
        assert ring.find(wrong, NOW) is None


def test_the_secret_of_another_key_does_not_fit(settings: Settings):
    first, _ = add_key(settings, "dms", scopes=[])
    second, _ = add_key(settings, "dms", scopes=[])
    mixed = "_".join([*first.split("_", 2)[:2], second.split("_", 2)[2]])

    assert ring_of(settings).find(mixed, NOW) is None


def test_no_secret_is_on_disk(settings: Settings):
    text, _ = add_key(settings, "dms", scopes=["events:write"])
    path = key_file(settings).path

    assert text.split("_", 2)[2] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_keys_differ():
    assert len({make_key()[0] for _ in range(100)}) == 100


def test_a_running_server_knows_a_new_key_and_a_revoked_one_at_once(settings: Settings):
    ring = ring_of(settings)
    assert ring.find("ftk_000000000000_" + "x" * 43, NOW) is None
    text, key = add_key(settings, "dms", scopes=["events:write"])
    assert ring.find(text, NOW) == key

    revoke_key(settings, key.id)

    assert ring.find(text, NOW) is None


def test_a_key_expires(settings: Settings):
    text, _ = add_key(settings, "dms", scopes=[], expires_at=NOW)

    assert ring_of(settings).find(text, NOW - timedelta(seconds=1)) is not None
    assert ring_of(settings).find(text, NOW) is None


def test_a_file_that_is_broken_leaves_the_keys_as_they_were_known(settings: Settings):
    text, key = add_key(settings, "dms", scopes=[])
    ring = ring_of(settings)
    assert ring.find(text, NOW) == key

    key_file(settings).path.write_text('{"keys": [{"id": "canary"}]}')

    assert ring.find(text, NOW) == key
    with pytest.raises(ExitError, match=r"keys\.0\.source"):
        list_keys(settings)


def test_a_file_that_is_gone_leaves_no_keys(settings: Settings):
    text, _ = add_key(settings, "dms", scopes=[])
    ring = ring_of(settings)
    assert ring.find(text, NOW)

    key_file(settings).path.unlink()

    assert ring.find(text, NOW) is None


def test_many_commands_at_once_lose_no_key(settings: Settings, tmp_path: Path):
    children = []
    for number in range(4):
        if not (child := os.fork()):
            for _ in range(5):
                add_key(settings, f"source-{number}", scopes=[])
            os._exit(0)
        children.append(child)

    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert len(list_keys(settings)) == 20


@pytest.mark.parametrize("wrong", [{"scopes": ["root"]}, {"scopes": [], "types": ["wash"]}])
def test_what_does_not_exist_cannot_be_allowed(settings: Settings, wrong: dict[str, list[str]]):
    with pytest.raises(ExitError, match="there are only"):
        add_key(settings, "dms", **wrong)


@pytest.mark.parametrize("source", ["", "  ", "a\nb", "x" * 65])
def test_a_source_has_a_name(settings: Settings, source: str):
    with pytest.raises(ExitError):
        add_key(settings, source, scopes=[])


def test_the_file_may_be_somewhere_else(tmp_path: Path):
    settings = Settings(data=tmp_path, api_keys=tmp_path / "secrets" / "keys.json")
    add_key(settings, "dms", scopes=[])

    assert (tmp_path / "secrets" / "keys.json").exists()
    assert isinstance(key_file(settings), KeyFile)


async def test_from_the_command_line_to_the_server(tmp_path: Path):
    run = CliRunner().invoke
    api = Api(tmp_path)
    arguments = ["dms-east", "--type", "survey", "--center", "C1", "--data", str(tmp_path)]
    result = run(app, ["api-keys", "add", *arguments])
    text = result.stdout.strip()
    assert (await api.post(SURVEY, key=text)).status_code == 202

    listed = json.loads(run(app, ["api-keys", "list", "--json", "--data", str(tmp_path)]).stdout)[-1]

    assert (listed["source"], listed["scopes"], listed["types"], listed["state"]) == (
        *("dms-east", ["events:write"], ["survey"]),
        "valid",
    )
    assert "secret_sha256" not in listed
    assert "dms-east" in run(app, ["api-keys", "list", "--data", str(tmp_path)]).stdout
    assert run(app, ["api-keys", "revoke", listed["id"], "--data", str(tmp_path)]).exit_code == 0
    assert problem_of(await api.post(SURVEY, key=text)) == "unauthenticated"
    with pytest.raises(ExitError, match="there is no API key"):
        revoke_key(api.settings, "nobody")


def test_the_list_cuts_nothing_where_it_is_piped(settings: Settings, capsys: pytest.CaptureFixture[str]):
    _, key = add_key(settings, "dms-of-the-east", scopes=["events:write", "personal:read"], centers=["east-01"])
    print_keys(list_keys(settings))

    printed = capsys.readouterr().out
    assert all(text in printed for text in (key.id, "dms-of-the-east", "events:write, personal:read", "east-01"))
