"""What can be wrong with the embedded PostgreSQL, said to whoever runs the controller."""

from __future__ import annotations

from actors.domain.errors import OperatorError


class PostgresSetupError(OperatorError):
    """The embedded PostgreSQL cannot be used; the text is a sentence for the operator."""


class FolderInUseError(PostgresSetupError):
    """A living controller works on this data folder already."""


class ServerDiedError(Exception):
    """The server process ended though nobody asked it to; its last words are in the log file."""
