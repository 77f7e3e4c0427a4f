"""Named steps at which a test may end the process, to prove that the next start loses nothing and doubles nothing.

Armed by the environment: FIXTRAIL_CRASH_AT=name or name:n ends the process at the n-th time the step is reached.
"""

import os

CRASHED = 99

_name, _, _nth = os.environ.get("FIXTRAIL_CRASH_AT", "").partition(":")
_remaining = int(_nth or 1)


def crash_point(name: str) -> None:
    """Do nothing, unless a test wants the process to end here; then at once, without any clean-up."""
    global _remaining
    if name != _name:
        return
    _remaining -= 1
    if _remaining == 0:
        os._exit(CRASHED)
