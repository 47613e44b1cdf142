"""Volumes in the memory of this process: a backend for trials and tests, and the contract's reference model.

Read in this order: ``content`` (what lies on one volume), ``state`` (what
exists, and the events that change it, which a journal keeps in a file, so that
a killed process finds its objects again), ``backend`` (what all calls share),
``copies`` and ``rearranging`` (the abilities); ``driver`` is the face.
"""
