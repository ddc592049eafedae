"""Artifact bytes: where they lie and how they get there whole."""
