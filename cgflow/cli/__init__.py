"""The command line for people and scripts, built on ``cgflow.client``.

``main`` is the root command. All others are found through the entry-point group ``cgflow.commands``, one
click command or group per module. Packages above this one can therefore add commands without being imported
here.
"""
