"""The model runs here: backbones for building, NumPy for queries, pooling.

Stores nothing. Imports `disk`, `models`, `vectors` and values.
"""
