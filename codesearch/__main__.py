"""`python -m codesearch` is the command `codesearch`."""

from codesearch.cli.main import main

if __name__ == "__main__":
    main()
