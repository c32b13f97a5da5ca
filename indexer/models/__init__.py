"""What a checkpoint is: its folder, architecture, heads, weights, tokenizer; and the bundled one.

Computes nothing. Imports `disk` and values.
"""
