"""Shapes on the wire, as clients see them; imports nothing of ours, so that an agent can use it."""
