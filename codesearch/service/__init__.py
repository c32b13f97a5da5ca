"""One warm process over several indexes: HTTP, a page in the browser, watching, a client.

It may import what answers and renders, never `cli` or `agents`; nothing outside it knows how HTTP is served.
"""
