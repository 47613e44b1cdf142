"""The views, one module per resource: each loads a schema, makes one call, and dumps a schema."""
