"""The schema's history. Each file in ``versions`` is one change, and says whether the service may be up."""
