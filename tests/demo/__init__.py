"""The main job from end to end on real volumes, told as it goes: ``python -m tests.demo``, or ``make demo``.

Nothing in it stands in for anything: the service is the installed command in a
process of its own, the volumes are served by qemu-storage-daemon, the writes go
over NBD, and a kill is SIGKILL.
"""
