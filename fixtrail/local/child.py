"""Runs a module as a child of `fixtrail up` that never outlives it: `python -m fixtrail.local.child PARENT MODULE …`.

Standard input is a pipe that only the parent holds open. Whatever ends the parent, kill -9 included, ends this process:
by the kernel's parent-death signal where there is one, and by the end of the pipe everywhere.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1
CODE = 71


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the kernel, where it is Linux, send this process a signal once its parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)


def main() -> None:
    """Become the module named on the command line, tied to the parent's life."""
    parent = int(sys.argv[1])
    die_with_parent()
    if os.getppid() != parent:
        os._exit(CODE)
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(CODE)


if __name__ == "__main__":
    main()
