"""One generation of an index: SQLite, arrays, seals, the manifest, the swap.

Computes no vector, ranks nothing. Imports `disk`, `vectors`, `embeddings` and values.
"""
