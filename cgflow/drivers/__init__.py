"""Storage drivers.

contract/         the interface that a driver implements; all that a driver author has to read
conformance/      the test suite that every driver must pass
fault_injection/  a driver that fails on demand
common/           modules shared by several drivers
memory/ qsd/ btrfs/ rbd/   one folder for each driver
"""
