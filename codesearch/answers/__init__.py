"""A result becomes passages: cut, merged, counted, explained. No output format.

Imports the engine's values and choices only.
"""
