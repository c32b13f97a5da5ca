"""The engine: bytes on disk become vectors, and a query becomes hits.

Nothing here prints, parses flags or draws. Stages (walk, parse, chunks, tokens, windows, pack,
encoder, pool) know the records and not each other; only `build.py` (the write path) and
`search_steps.py` (the read path) compose them. Importing this package loads nothing heavy.
"""
