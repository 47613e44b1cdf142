"""The command line: people and scripts in front of the service, over ``cgflow.client``.

``main`` is the root; every other command is found through the entry-point
group ``cgflow.commands``, one click command or group per module, so that
packages above this one contribute theirs without being imported here.
"""
