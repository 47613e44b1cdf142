"""PostgreSQL on two members of a consistency group: every cgsnapshot recovers, the control breaks.

``python -m tests.proof``, or ``make prove-postgres``. Nothing is simulated: the service is the
installed command, used over REST; qemu-storage-daemon serves the volumes, which are exposed as
files and mounted; the database is PostgreSQL with its own checks, and is not notified of the
cgsnapshots.
"""
