"""A box with a fault built in: `python -m tests.chaos.mutants.box NAME worker`. The product knows nothing of it."""

import sys

from fixtrail.cli.main import main
from tests.chaos.mutants.changes import CHANGES

if __name__ == "__main__":
    names, sys.argv = sys.argv[1], ["fixtrail", *sys.argv[2:]]
    for name in names.split("+"):
        CHANGES[name]()
    main()
