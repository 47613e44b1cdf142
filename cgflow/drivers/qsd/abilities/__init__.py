"""The optional abilities of the qsd driver: one file for each ability of the contract."""
