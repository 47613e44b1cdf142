"""Crash-consistent, all-or-nothing snapshots of groups of block volumes.

This package has everything that operations are built from: errors, the database, quota, the
scheduler, the flow engine, the storage drivers and the command line. The operations are in
``flows``, their HTTP API in ``api``; nothing here imports either of them.
"""

__version__ = "0.1.0"
