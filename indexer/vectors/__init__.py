"""Stored vectors: how rows are packed into bytes, scored, and searched at any size.

`row_codec.py` packs token rows, `exact.py` scores them, `faiss_index.py` searches single vectors and
`plaid_index.py` searches token rows end to end; `base.py` says what every index does and which one a
number of rows asks for. Nothing here reads source files, talks to SQLite or knows what a chunk says.
Importing this package loads NumPy alone.
"""
