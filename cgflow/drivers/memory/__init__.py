"""Volumes in the memory of this process: a backend for trials and tests, and the contract's reference model.

Read in this order: ``content`` (the blocks of one volume), ``state`` (what
exists, and the events that change it; an event log in a file lets a killed
process find its objects again), ``base`` (what all calls share), then
``group_snapshots`` and ``rearranging`` (the abilities) and ``driver``.
"""
