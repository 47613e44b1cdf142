"""Block volumes as qcow2 files served over NBD by ``qemu-storage-daemon``, the driver for one host.

The folders are layers; each uses only those after it.

abilities/   the abilities of the contract
operations/  operations on a home: volumes, snapshots, clones, moves, restores, merges, recovery
home/        one home: its folder, its manifest, its daemon and its NBD addresses
qemu/        QMP, block graph, block jobs, the daemon's process, the qcow2 format, nbdfuse
model/       records of a home, and the rules of its layers

``driver`` implements the contract; ``home_registry`` finds the home of a call.
"""
