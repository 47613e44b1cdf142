"""The database: models, repositories and migrations. Rows do not leave this package; records do."""
