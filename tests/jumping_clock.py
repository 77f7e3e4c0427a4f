"""A clock that a test sets while processes run, and no other one's: as libfaketime does, of the time of day alone."""

import shutil
import struct
import subprocess
from pathlib import Path

from tests.paths import ROOT

HOUR_S = 3600
COMPILER = shutil.which("cc")
_SOURCE = ROOT / "tests" / "fixtures" / "jumping_clock.c"


class JumpingClock:
    """`environment` puts a process under this clock. Needs a C compiler: see COMPILER."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "offset"
        self._path.write_bytes(struct.pack("q", 0))
        library = folder / "clock.so"
        command = [str(COMPILER), "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        self.environment = {"LD_PRELOAD": str(library), "JUMPING_CLOCK": str(self._path)}

    def set(self, offset_s: int) -> None:
        """From now on it is so many seconds off; processes have mapped the file, so it is written in its place."""
        with self._path.open("r+b") as file:
            file.write(struct.pack("q", offset_s))
