"""Which files a folder has, which are left out and why, and what changed since they were indexed.

Reads no file but ignore files. Imports `disk` and values.
"""
