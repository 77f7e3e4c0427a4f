"""Known weaknesses of the packages that run: the lock file against the OSV database, by pip-audit.

    python tools/audit.py [LOCK_FILE]

Exit code 0 where there is none, or where the database cannot be reached, which it says; 1 where there is one.
"""

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "https://api.osv.dev/v1/query"
REACH_S, AUDIT_S = 10, 300


def main(arguments: list[str]) -> int:
    """Exit code as the module says."""
    lock = ROOT / (arguments[0] if arguments else "requirements.lock")
    if (reason := unreachable(DATABASE)) is not None:
        print(f"NOT CHECKED: {lock.name} against known weaknesses, {DATABASE} cannot be reached: {reason}")
        return 0
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    return subprocess.run([*command, "-s", "osv", "--osv-url", DATABASE, "-r", lock], timeout=AUDIT_S).returncode


def unreachable(url: str) -> str | None:
    """Why nobody answers there; None where somebody does, whatever the answer is."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=b"{}"), timeout=REACH_S):
            return None
    except urllib.error.HTTPError:
        return None
    except OSError as error:
        return str(getattr(error, "reason", error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
