"""Runs the main job from end to end on real volumes: ``python -m tests.demo``, or ``make demo``.

Nothing is simulated: the service is the installed command in a process of its own,
qemu-storage-daemon serves the volumes, the writes go over NBD, and a kill is SIGKILL.
"""
