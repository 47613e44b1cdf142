"""Volumes as RBD images of a Ceph cluster. A cgsnapshot is a group snapshot, taken in one call.

Ceph's bindings run in a separate process (``bindings``, called through ``session``), because librbd can abort
its process. The driver stores its records of its objects in the pool (``records``).
"""
