"""Virtual machines of builds on the wire."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from api.wire.form import File


class Password(Struct):
    """The one-time password of a build."""

    otp: Annotated[str, Meta(min_length=1)]


class ArtifactForm(Struct):
    """Form of a result from the virtual machine."""

    artifact: File


class Authenticated(Struct):
    """The password is used up; the token is for `X-VM-Token`. Time as ISO 8601."""

    vm_token: str
    expires_at: str


class ReadyNoted(Struct):
    """The machine is ready, since the first time that it said so (ISO 8601)."""

    success: bool
    vm_ready_at: str


class NotReady(Struct):
    """The machine has not said yet that it is ready, or the build is not under way."""

    vm_ready: bool = False


class MachineReady(Struct):
    """The machine is ready, and this is its token."""

    vm_token: str
    vm_ready_at: str
    vm_ready: bool = True


class ArtifactTaken(Struct):
    """The result is stored, the build completed."""

    success: bool = True


class SecureCerts(Struct):
    """Certificates for a keychain with a new password; bytes as base64."""

    p12: bytes
    p12Password: str
    keychainPassword: str
    provisioningProfiles: list[bytes]
