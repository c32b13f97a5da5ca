"""Files become stored rows: reading, chunking and encoding composed for a build.

Decides nothing about generations. Imports everything below `build`.
"""
