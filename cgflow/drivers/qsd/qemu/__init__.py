"""Everything that speaks to QEMU's programs, or reads and writes their formats."""
