"""Attachments of volumes. They are records only, so every change is one transaction without a flow."""
