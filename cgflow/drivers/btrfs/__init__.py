"""Volumes as sparse files on btrfs, for clients on the same host. A cut is one snapshot of a subvolume.

Read in this order: ``system_calls``, ``layout`` (the folder of a backend), ``state`` (the objects and the
operations in progress), ``intent_recovery`` (interrupted operations), ``base`` (what all calls share), then
the calls: ``volumes``, ``group_snapshots``, ``cloning``, ``regrouping``, ``restoring``, ``inventory``.
``driver`` puts them together.
"""
