"""The interactive terminal front end: `codesearch tui`.

Screens and widgets know messages, workers post them, and nothing but `app.py` knows the library.
Not here: searching, ranking, building; those are the library's.
"""
