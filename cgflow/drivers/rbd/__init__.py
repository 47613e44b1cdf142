"""Volumes as RADOS block devices of a Ceph cluster; a cgsnapshot is a group snapshot, taken in one call.

Ceph's bindings run in a process of their own (``bindings``, called through
``bindings_process`` and ``session``), since librbd can end its process. The
driver's records of its objects are stored in the pool (``records``).
"""
