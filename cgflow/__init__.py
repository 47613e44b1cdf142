"""Crash-consistent, all-or-nothing snapshots of groups of block volumes.

This package holds everything that the operations are told with: errors, the
database, quota, the scheduler, the flow engine, the storage drivers and the
command line. The operations themselves are in ``flows``, their HTTP face in
``api``; nothing here imports either of them.
"""

__version__ = "0.1.0"
