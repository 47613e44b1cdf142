"""Block volumes as sparse files on btrfs, for clients on the same host; a cut is one snapshot of a subvolume.

Read in this order: ``kernel`` and ``leases`` (what the kernel does for us),
``tree`` (how a backend lies on the disk), ``state`` (what exists and what is
under way), ``settling`` (what was broken off), ``backend`` (what all calls
share), then the calls: ``volumes``, ``copies``, ``rearranging``. ``looking``
compares records and disk, ``mount`` tells whether the disk is there, ``promise``
is what clients are told; ``driver`` is the face that cgflow sees.
"""
