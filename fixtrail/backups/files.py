"""The files of a backup: records of a topic, rows of a table; and the manifest with a checksum of each."""

import hashlib
import os
import re
import shutil
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import orjson

from runtime.failure import ExitError

MANIFEST = "manifest.json"
FORMAT = 1
_SIZE = struct.Struct(">I")
_CHUNK = 1024 * 1024
# The files of a backup: no other one is restored, wherever a manifest points.
_PATH = re.compile(
    r"(clickhouse/\w+\.native|kafka/[A-Za-z0-9._-]+\.records|(ledger|keys)/\w+\.rows|[\w-]+\.\w+|keys/secrets\.json)",
    re.ASCII,
)
_READ = ("*/*.native", "*/*.records", "*/*.rows", "keys/secrets.json", "*.toml", "api-keys.json")


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One file of a backup, by its path in the folder; `items` are its records or rows."""

    path: str
    items: int
    bytes: int
    sha256: str


@dataclass(slots=True)
class Manifest:
    """What a backup holds. `commits`: by topic, group and partition; `ends`: the topics' ends when it was taken."""

    taken_at: str
    app_id: str
    partitions: dict[str, int]
    partitioner: str
    commits: dict[str, dict[str, dict[int, int]]]
    migrations: list[str]
    files: list[BackupFile] = field(default_factory=list)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write it last of all: a folder without it is no backup."""
        part = folder / f"{MANIFEST}.part"
        part.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
        part.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises ExitError where the folder holds none, or one of a newer version."""
    try:
        manifest = msgspec.convert(orjson.loads((folder / MANIFEST).read_bytes()), Manifest, strict=False)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise ExitError(f"{folder} holds no whole backup ({MANIFEST}: {type(error).__name__})") from None
    if manifest.format > FORMAT:
        raise ExitError(f"{folder} was written by a newer version of Fixtrail")
    if wrong := [file.path for file in manifest.files if not _PATH.fullmatch(file.path)]:
        raise ExitError(f"{folder} holds no backup of ours: {wrong[0]!r} is no file of one")
    listed = {file.path for file in manifest.files}
    if missing := [name for name in manifest.partitions if f"kafka/{name}.records" not in listed]:
        raise ExitError(f"{folder} holds no whole backup: the records of {missing[0]} are not in it")
    return manifest


def check_files(folder: Path, manifest: Manifest, *, without: str = "") -> None:
    """Raises ExitError at the first file that is missing, is not as it was written, or was put there later.

    `without` names a folder that need not be there. A link is no file: it would read whatever it leads to.
    """
    listed = {file.path for file in manifest.files}
    for path in sorted(path for pattern in _READ for path in folder.glob(pattern)):
        if path.relative_to(folder).as_posix() not in listed:
            raise ExitError(f"{path} is not in {MANIFEST}: it was put there later")
    for file in manifest.files:
        path = folder / file.path
        if path.is_symlink() or path.parent.is_symlink():
            raise ExitError(f"{path} is a link or lies behind one: restore reads the backup's own files alone")
        if without and file.path.startswith(without) and not path.exists():
            continue
        if not path.is_file():
            raise ExitError(f"{path} is missing: the backup is not whole")
        if _sha256(path) != file.sha256:
            raise ExitError(f"{path} is not as it was written: its checksum differs")


def described(folder: Path, path: Path, items: int) -> BackupFile:
    """A file that was just written, with its checksum."""
    return BackupFile(str(path.relative_to(folder)), items, path.stat().st_size, _sha256(path))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def private_file(path: Path) -> int:
    """A descriptor to write a fresh file that is nobody else's to read, also not for a moment; never through a link."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)


def copy_private(source: Path, target: Path) -> None:
    """Copy a file with secrets."""
    with source.open("rb") as content, os.fdopen(private_file(target), "wb") as copy:
        shutil.copyfileobj(content, copy)


class ItemWriter:
    """Writes one item after the other, each as MessagePack behind its length; use in `with`."""

    def __init__(self, path: Path) -> None:
        self._file = os.fdopen(private_file(path), "wb", _CHUNK)
        self._encode = msgspec.msgpack.Encoder().encode
        self.items = 0

    def __enter__(self) -> "ItemWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def write(self, item: Any) -> None:
        content = self._encode(item)
        self._file.write(_SIZE.pack(len(content)) + content)
        self.items += 1

    def write_all(self, items: Iterable[Any]) -> None:
        for item in items:
            self.write(item)


def items_of(path: Path, kind: Any = Any) -> Iterator[Any]:
    """The items that were written, each of this type. Raises ExitError for a file that holds anything else."""
    decode = msgspec.msgpack.Decoder(kind).decode
    try:
        with path.open("rb", _CHUNK) as file:
            while size := file.read(_SIZE.size):
                yield decode(file.read(_SIZE.unpack(size)[0]))
    except (msgspec.DecodeError, struct.error) as error:
        raise ExitError(f"{path} is no file of a backup: {error}") from None
