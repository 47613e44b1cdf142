"""Attachments: who uses a volume. Records alone, so every change is one transaction and no flow."""
