"""Driver for block volumes that are qcow2 files, served over NBD by ``qemu-storage-daemon`` on one host.

A *home* is the folder, manifest and daemon of one consistency group, or of one volume outside any. The
driver is built in layers, each of which imports only those listed below it:

 driver         the mandatory calls of the driver contract
 abilities      the optional calls
 home_registry  finds the home that a call concerns, and keeps all homes served
 operations/    operations on a home: volumes, snapshots, clones, moves, restores, merges, recovery
 home/          one home: its folder, manifest, daemon, NBD addresses and problems
 qemu/          QMP, block graph, block jobs, the daemon's process, the qcow2 format, nbdfuse
 model/         the records of a home and the rules for its layers
"""
