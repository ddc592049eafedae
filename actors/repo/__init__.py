"""The supervised owner of the database connections."""
