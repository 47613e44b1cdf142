"""Block volumes as qcow2 files served over NBD by ``qemu-storage-daemon``, the driver for one host.

Read in this order: ``records`` and ``manifest`` (what is known durably),
``chain`` (what a volume's layers mean and which may be merged), ``home`` (one
consistency group and its daemon), then the operations on homes: ``volumes``,
``snapshots``, ``links`` and ``clones``, ``moves``, ``restores``, ``merge``,
``flatten`` and ``resting``, and ``recovery`` for what a crash leaves.
``blockgraph`` and ``jobs`` speak to the daemon in QMP; ``driver`` is the face
that cgflow sees, with ``copies``, ``rearranging`` and ``compacting``.
"""
