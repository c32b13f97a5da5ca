"""Language models as users: the MCP server, `ask`, and setting agents up.

Imports the library below the command line.
"""
