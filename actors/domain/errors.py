"""Refusals that any part of the program may meet; each class says whose fault it is."""

from __future__ import annotations


class OperatorError(Exception):
    """Something in the surroundings keeps a part from starting; the text is a sentence."""


class UnavailableError(Exception):
    """The database cannot be reached now; nothing was done. Try again in a moment."""


class InterruptedJobError(UnavailableError):
    """The database went away during the operation; whether it took effect is unknown."""


class TooLargeError(Exception):
    """The client sent more bytes than this kind of artifact may have."""


class StorageFullError(Exception):
    """The storage is full; nothing of the artifact was kept."""


class StorageAwayError(Exception):
    """The storage cannot be reached now, or is too slow; nothing of the artifact was kept."""
