"""Volumes as RADOS block devices of a Ceph cluster; a cgsnapshot is a group snapshot, taken in one call.

The bindings of Ceph live in a process of their own (``bindings``, asked through
``child`` and ``session``), since librbd can end the process that it is in. What
the driver knows of its objects is written down in the pool (``records``).
"""
