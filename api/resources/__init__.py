"""The views, one file per noun: a schema in, one call, a schema out."""
