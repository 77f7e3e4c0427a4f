"""Every TOML file that people write is loaded in one way, and what is wrong with it is told in one way."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from fixtrail.imports.mapping_file import read_mapping_file
from fixtrail.simulator.scenario import load_scenario
from fixtrail.watch.config import read_watch_config
from fixtrail.web.accounts.users import read_users
from schemas.centers import read_centers
from schemas.toml_file import MOST_PROBLEMS, TomlFileError, load_model
from sinks.push.config import read_push_settings

READERS = [read_centers, read_push_settings, read_watch_config, read_users, read_mapping_file, load_scenario]


def error_text(reader, file: Path) -> list[str]:
    with pytest.raises(TomlFileError) as refused:
        reader(file)
    return str(refused.value).splitlines()


@pytest.mark.parametrize("reader", READERS[:-1])
def test_an_unknown_key_is_named(reader, tmp_path: Path):
    file = tmp_path / "file.toml"
    file.write_text("colour = 'red'\n")

    assert f"{file}: colour: unknown key" in error_text(reader, file)


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_toml_is_named_with_its_line(reader, tmp_path: Path):
    file = tmp_path / "file.toml"
    file.write_text("a = 1\n= 2\n")

    (line,) = error_text(reader, file)

    assert line.startswith(f"{file}: not TOML: ")
    assert "line 2" in line


@pytest.mark.parametrize("reader", READERS)
def test_another_encoding_is_refused(reader, tmp_path: Path):
    file = tmp_path / "file.toml"
    file.write_bytes('name = "上海"'.encode("gbk"))

    assert error_text(reader, file) == [f"{file}: not UTF-8"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path):
    file = tmp_path / "users.toml"
    file.write_text("\ufeffuser = []\n", encoding="utf-8")

    assert read_users(file) == {}


def test_items_of_lists_are_counted_from_one_and_similar_keys_are_suggested(tmp_path: Path):
    file = tmp_path / "centers.toml"
    file.write_text(
        "[[center]]\nid = 'A'\nname = 'A'\nregion = 'East'\n[[center]]\nid = 'B'\nname = 'B'\nregoin = 'W'\n"
    )

    assert error_text(read_centers, file) == [
        f"{file}: center 2.region: missing",
        f"{file}: center 2.regoin: unknown key (did you mean region?)",
    ]


def test_a_file_that_is_all_wrong_is_not_told_in_full(tmp_path: Path):
    class Counts(BaseModel):
        count: dict[str, int]

    file = tmp_path / "counts.toml"
    file.write_text("[count]\n" + "".join(f"n{number} = 'many'\n" for number in range(MOST_PROBLEMS + 7)))

    lines = error_text(lambda path: load_model(path, Counts), file)

    assert len(lines) == MOST_PROBLEMS + 1
    assert lines[-1] == f"{file}: and 7 more"
    assert not any("many" in line for line in lines)
