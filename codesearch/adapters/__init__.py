"""Passages in the shapes of other ecosystems. One module each, each an extra: import the one you need."""
