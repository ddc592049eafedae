"""Membership: says which controllers run on this database."""
