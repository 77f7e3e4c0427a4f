"""Files as Windows editors save them: with a byte order mark they are read, as UTF-16 nothing of them is sent."""

import io
from pathlib import Path

import pytest

from fixtrail.cli.app import open_input
from fixtrail.sending.send import CheckResult, check_lines
from runtime.failure import USAGE, ExitError
from schemas.decode import text_field
from tests.unit.fixtrail.sending.test_send import CHECK_IN, lines_of

LINE = CHECK_IN.decode() % ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_utf_16_is_refused_before_anything_is_sent(tmp_path: Path, encoding: str):
    file = tmp_path / "events.ndjson"
    file.write_bytes(f"{LINE}\n".encode(encoding))

    with pytest.raises(ExitError, match="is UTF-16 or UTF-32: nothing was read of it") as refused:
        open_input(file)
    assert refused.value.exit_code == USAGE


def test_the_first_event_after_a_byte_order_mark_has_its_key_like_the_others(tmp_path: Path):
    file = tmp_path / "events.ndjson"
    file.write_bytes(f"{LINE}\r\n{LINE}\r\n".encode("utf-8-sig"))

    with open_input(file) as source:
        content = source.read()
    checked = CheckResult()

    assert [text_field(line, "vehicle_id") for line in lines_of(content, 50) if line] == ["v1", "v1"]
    assert list(check_lines(io.BytesIO(content), checked, max_bytes=10_000, latest_ms=2_000_000_000_000)) == []
    assert checked.types == {"check_in": 2}


@pytest.mark.parametrize("content", [b"", b"x", b"{}\n"])
def test_short_files_are_opened(tmp_path: Path, content: bytes):
    file = tmp_path / "events.ndjson"
    file.write_bytes(content)

    with open_input(file) as source:
        assert source.read() == content
