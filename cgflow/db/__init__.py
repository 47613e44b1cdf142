"""The database: models, repositories and migrations. It returns records, never rows."""
