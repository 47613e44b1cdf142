"""Drivers that break the contract, one fault each, and which rule of the conformance kit must say so."""
