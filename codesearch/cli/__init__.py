"""The command line: one file a command, each parses, calls the library, prints, and sets an exit code.

No logic of searching. Imports everything of the library.
"""
