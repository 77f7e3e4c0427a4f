"""The project's virtual environment: made from a lock file, with nothing needed but Python 3.11 and its venv module.

    python3 tools/environment.py LOCK_FILE [FOLDER]

A stamp in the folder holds the lock file's hash, so that a second call with the same lock file does nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NO_VENV = """This Python has no working venv module ({python}).
On Debian and Ubuntu:  apt-get install python3-venv
Then call make again."""
NO_INDEX = """No package index answers: is there a network? PIP_INDEX_URL names a mirror, HTTPS_PROXY a proxy, and
PIP_FIND_LINKS a folder of wheels. What pip said: {text}"""
# One more try than none: without a network the answer comes in seconds.
PIP = ("-m", "pip", "--retries", "1", "--timeout", "15", "--disable-pip-version-check", "install", "--quiet")


def main(arguments: list[str]) -> int:
    """Exit code 0 once the environment holds what the lock file names, and this project, editable."""
    if sys.version_info < (3, 11):  # noqa: UP036 (this file is what an older Python is refused by)
        version = ".".join(map(str, sys.version_info[:3]))
        print(f"Python 3.11 or newer is needed, this is {version}: make PYTHON=/path/to/python3.11 …", file=sys.stderr)
        return 1
    lock = ROOT / arguments[0]
    folder = Path(arguments[1] if len(arguments) > 1 else ".venv").absolute()
    stamp = folder / f".{lock.name}.installed"
    wanted = fingerprint(lock)
    if stamp.is_file() and stamp.read_text() == wanted:
        return 0
    if not python_of(folder).exists() and not make_venv(folder):
        return 1
    install(folder, lock)
    stamp.write_text(wanted)
    return 0


def fingerprint(lock: Path) -> str:
    """Changes whenever the environment must be brought up to date."""
    parts = [lock.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def python_of(folder: Path) -> Path:
    return folder / "bin" / "python"


def make_venv(folder: Path) -> bool:
    """Whether the folder now holds an empty environment with pip; says what to do where it does not."""
    print(f"Making the environment in {folder} …", file=sys.stderr)
    process = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if process.returncode:
        # Debian makes half of one before it finds that pip is missing.
        shutil.rmtree(folder, ignore_errors=True)
        print(process.stdout + process.stderr + NO_VENV.format(python=sys.executable), file=sys.stderr)
    return process.returncode == 0


def install(folder: Path, lock: Path) -> None:
    """What the lock file names, by its hashes, then the project itself, editable and without dependencies."""
    python = python_of(folder)
    uv = fast_installer(folder)
    print(f"Installing {lock.name} …", file=sys.stderr)
    if not (uv and run(*uv, "--require-hashes", "-r", lock)):
        check(python, *PIP, "--require-hashes", "-r", lock)
    # Without build isolation nothing would be downloaded for the build; the build needs setuptools only.
    if not (uv and run(*uv, "--no-deps", "-e", ROOT)):
        check(python, *PIP, "--no-deps", "-e", ROOT)


def fast_installer(folder: Path) -> list[str | Path] | None:
    """The command line of uv, which installs about ten times faster than pip; None where it cannot be had."""
    home = folder / ".uv"
    uv = home / "bin" / "uv"
    if not uv.exists():
        pip = [python_of(folder), *PIP, "--require-hashes", "--target", home]
        if not run(*pip, "-r", ROOT / "tools" / "uv.lock"):
            return None
    folders = os.environ.get("PIP_FIND_LINKS", "").split()
    links = [argument for link in folders for argument in ("--find-links", link)]
    return [uv, "pip", "install", "--quiet", "--native-tls", "--python", python_of(folder), *links]


def run(*command: str | Path) -> bool:
    """Whether the command ended well; where it did not, another one is tried, so what it says is not shown."""
    return subprocess.run([str(part) for part in command], capture_output=True).returncode == 0


def check(*command: str | Path) -> None:
    """Run the command. Raises CalledProcessError with what it said."""
    subprocess.run([str(part) for part in command], check=True, stderr=subprocess.PIPE, text=True)


def why(error: subprocess.CalledProcessError) -> str:
    """What to tell: one line on the network where there seems to be none, else what the command said last."""
    text = error.stderr or ""
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit code {error.returncode}"
    if any(
        sign in (error.stderr or "") for sign in ("connection broken", "No matching distribution", "ConnectionError")
    ):
        return NO_INDEX.format(text=last)
    return f"The environment could not be made: {' '.join(map(str, error.cmd))} ended with {error.returncode}: {last}"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(why(error))
