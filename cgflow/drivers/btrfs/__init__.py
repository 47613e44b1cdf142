"""Volumes as sparse files on btrfs, for clients on the same host. A cut is one snapshot of a subvolume.

Read in this order: ``btrfs_ioctl`` and ``file_leases`` (system calls), ``layout`` (folders and files of a
backend), ``state`` (the objects and the operations in progress), ``intent_recovery`` (interrupted
operations), ``base`` (what all calls share), then the calls: ``volumes``, ``group_snapshots``,
``rearranging``. ``consistency_check`` compares records and disk, ``mount`` checks that the file system is
mounted, ``connection`` describes a volume to its client, and ``driver`` implements the contract.
"""
