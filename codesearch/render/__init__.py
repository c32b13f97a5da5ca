"""Passages, lists and status as text, Markdown, JSON, XML: the output contract.

Decides nothing about what is shown. Imports `answers`.
"""
