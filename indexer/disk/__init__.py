"""Bytes on a disk that is not trusted: files of a tree, of an index, of this user.

Knows nothing of search. Imports values only.
"""
