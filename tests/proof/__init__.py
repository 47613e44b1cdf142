"""PostgreSQL on two members of a consistency group: every cgsnapshot recovers, the control breaks.

``python -m tests.proof``, or ``make prove-postgres``. Nothing in it stands in
for anything: the service is the installed command, spoken to over REST; the
volumes are served by qemu-storage-daemon, shown as files, and mounted; the
database is PostgreSQL with its own checks; nobody tells it that it is copied.
"""
