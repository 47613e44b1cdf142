"""Access to QEMU's programs and their file formats."""
