"""Text becomes chunks, regions, windows and packed batches. Pure arithmetic.

Reads no file and runs no model. Imports values only.
"""
