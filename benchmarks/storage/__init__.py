"""The overhead of cgflow over the storage's own snapshots: bare mechanism and driver in one run."""
