"""Drivers that break the contract, one fault each, and the conformance rules that must report it."""
