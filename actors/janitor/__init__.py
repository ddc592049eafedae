"""Janitor: no file without an owner stays."""
