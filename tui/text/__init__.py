"""Text as the terminal draws it: documents with folds and marks, syntax colours, files of the tree.

Searches nothing.
"""
