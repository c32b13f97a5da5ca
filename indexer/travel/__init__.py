"""Indexes that travel: one written to a file, and taken in on another machine.

What travels is the database of texts and the stored embeddings, no structure that a library made of them;
where it arrives the rest is made anew. Nothing of a file is opened before every byte of it was checked.
"""
