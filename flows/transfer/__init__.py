"""Transfers of volumes to another project. Each change is one transaction on records, without a flow."""
