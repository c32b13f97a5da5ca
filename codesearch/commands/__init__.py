"""One module for each family of commands: parse, call the API, render, return an exit code. No logic."""
