"""`python -m tui`: the same as `codesearch tui`; the web server starts the application this way."""

from tui.command import command

if __name__ == "__main__":
    command()
