"""Whoever finds the accounts' file has nobody's second factor: its secrets are sealed with a key from elsewhere."""

from pathlib import Path

import pyotp
import pytest

from fixtrail.web.accounts.second_factor import SecondFactors
from fixtrail.web.accounts.totp_box import TotpBox
from fixtrail.web.accounts.users import Account, Directory, read_users, write_users
from tests.staff import HASHED

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = 1_700_000_010.0
OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A file as versions before wrote it, with the secret of lin's second factor as it is."""
    path = tmp_path / "users.toml"
    accounts = {name: Account(name=name, centers=("*",), password=HASHED, totp=SECRET) for name in ("lin", "wei")}
    write_users(path, accounts)
    return path


def takes_codes(path: Path, *keys: bytes) -> bool:
    box = TotpBox(keys)
    directory = Directory(path, box=box)
    account = directory.all()["lin"]
    return SecondFactors(directory, lambda: NOW, box).accepts(account, pyotp.TOTP(SECRET).at(NOW))


def test_a_secret_in_clear_works_and_is_sealed_at_the_next_change(users: Path):
    assert takes_codes(users, NEW)
    before = read_users(users)
    directory = Directory(users, box=TotpBox([NEW]))
    changed = directory.change("lin", lambda account: account.model_copy(update={"role": "manager"}))

    assert SECRET not in users.read_text()
    assert takes_codes(users, NEW)
    assert read_users(users)["lin"] == changed
    assert [account.stamp for account in read_users(users).values()] == [account.stamp for account in before.values()]


def test_a_start_alone_seals_nothing_that_an_earlier_version_may_still_have_to_read(users: Path):
    Directory(users, box=TotpBox([NEW])).seal_anew()

    assert users.read_text().count(SECRET) == 2


def test_after_a_change_of_the_key_the_older_one_can_be_dropped(users: Path):
    Directory(users, box=TotpBox([OLD])).change("lin", lambda account: account)
    assert not takes_codes(users, NEW)

    Directory(users, box=TotpBox([NEW, OLD])).seal_anew()

    assert takes_codes(users, NEW)
    assert not takes_codes(users, OLD)


def test_a_sealed_secret_is_of_no_use_in_another_account_or_without_the_key(users: Path):
    box = TotpBox([NEW])
    sealed = box.seal("lin", SECRET)

    assert box.open("lin", sealed) == SECRET
    assert box.open("wei", sealed) is None
    assert TotpBox([OLD]).open("lin", sealed) is None
    assert TotpBox([OLD]).seal("lin", sealed) == sealed
