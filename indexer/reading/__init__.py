"""A file becomes text, spans and notes: decoding, parsing, documents, redaction.

Knows nothing of chunks or vectors. Imports `disk`, `tree` and values.
"""
