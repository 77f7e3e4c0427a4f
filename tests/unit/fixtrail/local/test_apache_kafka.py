"""What `fixtrail up --broker kafka` needs before it starts anything."""

from pathlib import Path

import pytest

from fixtrail.local import apache_kafka
from fixtrail.local.apache_kafka import jars_of
from runtime.failure import REFUSED, ExitError

JAR = "kafka-clients-4.1.1.jar"


@pytest.fixture(autouse=True)
def java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apache_kafka.shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.parametrize("folder", ["libs", "."])
def test_jars_are_those_of_a_download_or_of_the_folder_itself(tmp_path: Path, folder: str):
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / JAR).touch()

    assert jars_of(tmp_path) == (tmp_path / folder).resolve()


def test_a_folder_without_kafka_is_refused(tmp_path: Path):
    with pytest.raises(ExitError, match=r"neither it nor its libs/ has kafka-clients") as refusal:
        jars_of(tmp_path)
    assert refusal.value.exit_code == REFUSED


def test_without_a_folder_the_message_says_what_to_name():
    with pytest.raises(ExitError, match="--kafka-home or KAFKA_HOME"):
        jars_of(None)


def test_without_java_kafka_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / JAR).touch()
    monkeypatch.setattr(apache_kafka.shutil, "which", lambda name: None)

    with pytest.raises(ExitError, match="needs Java"):
        jars_of(tmp_path)
