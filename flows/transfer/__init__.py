"""Handing a volume over to another project. Records alone, so every change is one transaction and no flow."""
