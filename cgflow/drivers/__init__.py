"""Drivers for storage.

contract/         what a driver implements; all that the author of a driver reads
conformance/      the test suite that every driver passes
fault_injection/  a driver that fails on demand
common/           parts that several drivers share
memory/ qsd/ btrfs/ rbd/   one folder for each driver
"""
