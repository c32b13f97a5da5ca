"""What was computed, kept across generations under a key of its content.

Knows no file of the tree. Imports `disk`, `vectors` and values.
"""
