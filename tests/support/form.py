"""Multipart bodies as bytes, whole or broken on purpose."""

from __future__ import annotations

from dataclasses import dataclass

BOUNDARY = "7d3f8a-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True)
class Part:
    """One part; a text unless it has a file name."""

    name: str
    data: bytes | str
    filename: str | None = None
    kind: str | None = None

    def encoded(self) -> bytes:
        """Return the part with its leading boundary."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{self.name}"'
        if self.filename is not None:
            head += f'; filename="{self.filename}"'
        if self.kind is not None:
            head += f"\r\nContent-Type: {self.kind}"
        data = self.data.encode() if isinstance(self.data, str) else self.data
        return f"{head}\r\n\r\n".encode() + data + b"\r\n"


def file(name: str, data: bytes, filename: str = "f.bin") -> Part:
    """Make a file part."""
    return Part(name, data, filename, "application/octet-stream")


def body_of(*parts: Part) -> bytes:
    """Return a whole form."""
    return b"".join(part.encoded() for part in parts) + f"--{BOUNDARY}--\r\n".encode()
