"""Driver for block volumes that are qcow2 files, served over NBD by ``qemu-storage-daemon`` on one host.

Each folder is a layer and imports only the folders listed below it:

 abilities/   the optional abilities of the driver contract
 operations/  operations on a home: volumes, snapshots, clones, moves, restores, merges, recovery
 home/        one home: its folder, its manifest, its daemon and its NBD addresses
 qemu/        QMP, block graph, block jobs, the daemon's process, the qcow2 format, nbdfuse
 model/       the records of a home and the rules for its layers

A *home* is the folder, manifest and daemon of one consistency group, or of one volume outside any.
``driver`` implements the contract; ``home_registry`` finds the home that a call concerns.
"""
