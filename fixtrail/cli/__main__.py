"""`python -m fixtrail.cli` is the command `fixtrail`."""

from fixtrail.cli.main import main

if __name__ == "__main__":
    main()
