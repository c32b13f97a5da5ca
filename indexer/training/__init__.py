"""A model of one's own: training pairs from repositories, and the model that is trained on them.

The only folder that trains, and the only one that imports PyLate's and sentence-transformers' models; both
are imported when training begins.
"""
