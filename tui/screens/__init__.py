"""Whole screens: searching, building, help.

Know messages, widgets and keys; not the library's engine.
"""
