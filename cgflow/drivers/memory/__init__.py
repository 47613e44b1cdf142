"""Volumes in the memory of this process: a backend for trials and tests, and the contract's reference.

Read in this order: ``state`` (the objects and the events that change them; an event log in a file lets them
survive a killed process), ``base`` (what all calls share), then the abilities (``group_snapshots``,
``cloning``, ``regrouping``, ``restoring``), and ``driver``.
"""
