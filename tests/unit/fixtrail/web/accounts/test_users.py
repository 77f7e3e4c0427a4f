"""The file of accounts, and what a person may see and do."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.all_settings import Settings
from fixtrail.web.accounts import command
from fixtrail.web.accounts.passwords import WeakPasswordError, hash_password, matches
from fixtrail.web.accounts.users import (
    Account,
    Directory,
    Person,
    parse_users,
    person_of,
    read_users,
    write_users,
)
from runtime.failure import ExitError
from schemas.toml_file import TomlFileError

HASHED = hash_password("a long enough one")


def account(name: str = "lin", **changed: object) -> Account:
    return Account.model_validate({"name": name, "password": HASHED, "centers": ["east-01"], **changed})


def test_a_password_fits_its_own_hash_alone():
    assert HASHED.startswith("$argon2id$")
    assert matches(HASHED, "a long enough one")
    assert not matches(HASHED, "a long enough One")
    assert not matches("$argon2id$broken", "a long enough one")


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_passwords_that_are_too_short_or_too_long_are_not_taken(password):
    with pytest.raises(WeakPasswordError):
        hash_password(password)


def test_who_may_see_some_centers_sees_no_other_and_nothing_without_a_center():
    lin = person_of("lin", "viewer", ["east-01", "east-02"])
    assert lin.may_see("east-02")
    assert not lin.may_see("west-01")
    assert not lin.may_see(None)
    assert person_of("chief", "viewer", ["*"]).may_see(None)
    assert not person_of("nobody", "admin", []).may_see("east-01")


def test_a_role_includes_the_lower_ones():
    manager = Person("m", "manager", None)
    assert [manager.has(role) for role in ("viewer", "manager", "admin")] == [True, True, False]


names = st.from_regex(r"\A[a-z0-9][a-z0-9._@-]{0,20}\Z")
centers = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=20), min_size=1)


@given(st.dictionaries(names, st.tuples(st.sampled_from(["viewer", "manager", "admin"]), centers), max_size=5))
def test_what_is_written_is_read_again(tmp_path_factory, drawn):
    path = tmp_path_factory.mktemp("users") / "users.toml"
    accounts = {name: account(name, role=role, centers=visible) for name, (role, visible) in drawn.items()}
    write_users(path, accounts)
    assert read_users(path) == accounts


def test_the_file_is_its_owners_alone(tmp_path):
    write_users(tmp_path / "users.toml", {"lin": account()})
    assert stat.S_IMODE((tmp_path / "users.toml").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "error_text"),
    [
        ("[[user]", "users"),
        ('[[user]]\nname = "lin"\nrole = "viewer"\npassword = "$argon2id$x"', "centers"),
        ('[[user]]\nname = "lin"\ncenters = ["*"]\npassword = "secret in clear"', "password"),
        ('[[user]]\nname = "Lin"\ncenters = ["*"]\npassword = "$argon2id$x"', "name"),
        ('[[user]]\nname = "lin"\nrole = "root"\ncenters = ["*"]\npassword = "$argon2id$x"', "role"),
        ('[[user]]\nname = "l"\nrole = "admin"\nscreen = true\ncenters = ["*"]\npassword = "$argon2id$x"', "screen"),
        ('[[user]]\nname = "l"\ncenters = ["*"]\npassword = "$argon2id$x"\n' * 2, "more than once"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_and_shows_no_secret(text, error_text):
    with pytest.raises(TomlFileError) as error:
        parse_users(text, "users")
    assert error_text in str(error.value)
    assert "secret in clear" not in str(error.value)


def test_a_running_board_takes_over_changes_and_keeps_what_it_knew_while_the_file_is_wrong(tmp_path):
    path = tmp_path / "users.toml"
    directory = Directory(path, f'[[user]]\nname = "env"\ncenters = ["*"]\npassword = "{HASHED}"')
    assert set(directory.all()) == {"env"}
    write_users(path, {"lin": account()})
    assert set(directory.all()) == {"env", "lin"}
    path.write_text("[[user")
    assert set(directory.all()) == {"env", "lin"}
    write_users(path, {"wei": account("wei")})
    assert set(directory.all()) == {"env", "wei"}


def run(data: Path, *arguments: str, password: str = "", code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fixtrail", "users", *arguments],
        input=password,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "FIXTRAIL_DATA": str(data)},
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_an_administrator_adds_lists_and_removes_accounts(tmp_path):
    run(tmp_path, "add", "lin", "--role", "manager", "--center", "east-01", "--stdin", password="a long enough one\n")
    assert json.loads(run(tmp_path, "list", "--json")) == [
        {"name": "lin", "role": "manager", "centers": ["east-01"], "screen": False, "second_factor": False}
    ]
    assert matches(read_users(tmp_path / "users.toml")["lin"].password, "a long enough one")
    assert "--replace" in run(tmp_path, "add", "lin", "--all-centers", "--stdin", password="a long one more\n", code=1)
    run(tmp_path, "remove", "lin")
    assert json.loads(run(tmp_path, "list", "--json")) == []


def test_accounts_that_make_no_sense_are_not_written(tmp_path, monkeypatch):
    settings = Settings(data=tmp_path)
    monkeypatch.setattr("sys.stdin", __import__("io").StringIO("a long enough one\n" * 9))
    options = {"screen": False, "replace": False, "from_stdin": True}
    for name, role, visible, changed in (
        ("lin", "viewer", [], {}),
        ("Lin Wei", "viewer", ["*"], {}),
        ("lin", "admin", ["*"], {"screen": True}),
    ):
        with pytest.raises(ExitError):
            command.add_user(settings, name, role, visible, **{**options, **changed})
    assert not (tmp_path / "users.toml").exists()


def test_a_hash_for_the_environment_is_printed():
    assert matches(command_hash("a long enough one\n"), "a long enough one")


def command_hash(password: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fixtrail", "users", "hash", "--stdin"], input=password, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_lost_second_factor_is_forgotten_and_kept_when_the_password_is_replaced(tmp_path):
    path = tmp_path / "users.toml"
    account = Account(name="lin", centers=("*",), password=HASHED, totp="A" * 32, recovery=("0" * 64,))
    write_users(path, {"lin": account})
    assert read_users(path) == {"lin": account}
    run(tmp_path, "add", "lin", "--all-centers", "--replace", "--stdin", password="another long enough one\n")
    assert read_users(path)["lin"].totp == "A" * 32
    run(tmp_path, "forget-second-factor", "lin")
    assert (read_users(path)["lin"].totp, read_users(path)["lin"].recovery) == (None, ())
    assert "A" * 32 not in repr(account)
