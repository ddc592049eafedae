"""Drain: last to start and so first to stop; lets what is under way end."""
