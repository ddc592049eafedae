"""The state of an actor as others may see it: its own fields, redacted in what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

from actors.kernel.living import Living


class Fields(Living):
    """What system messages, reports and logs do with the state of an actor."""

    base_fields: ClassVar[frozenset[str]] = frozenset()
    """The fields that every actor has, and that are no state."""

    def redact(self, value: object) -> object:
        """Take secrets out of a state or message that a report, a log or a status will show."""
        return value

    def get_state(self) -> object:
        """Return the fields of the actor that are its own, without those of its base."""
        base = self.base_fields
        return {name: value for name, value in vars(self).items() if name not in base}

    def set_state(self, state: object) -> None:
        """Put in fields, all or none."""
        if not isinstance(state, Mapping):
            raise TypeError("the state of an actor is a mapping of its fields")
        fields = cast("Mapping[str, object]", state)
        unknown = fields.keys() & self.base_fields
        if unknown:
            raise ValueError(f"no fields of the actor's own: {', '.join(sorted(unknown))}")
        vars(self).update(fields)

    def status(self) -> dict[str, object]:
        """Return redacted facts."""
        parent = self.process.parent
        return {
            "module": type(self).__name__,
            "parent": parent.path if parent else None,
            "state": self.redact(self.get_state()),
        }
