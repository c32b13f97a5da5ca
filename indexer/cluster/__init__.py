"""Building and searching on many machines with Ray, which this folder alone imports, when it is used.

A catalogue names repositories and the shards that hold them. A shard is an ordinary index, kept in a store as
`codesearch export` writes it.
"""
