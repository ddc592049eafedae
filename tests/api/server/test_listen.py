"""Listening sockets, and what an operator is told when there can be none."""

from __future__ import annotations

import socket

import pytest

from api.server.listen import BindError, bind


def closed(sockets: list[socket.socket]) -> list[tuple[int, str, int]]:
    """Family, address and port of `sockets`, which are closed."""
    facts = [(s.family, *s.getsockname()[:2]) for s in sockets]
    for listener in sockets:
        listener.close()
    return facts


def test_port_0_is_chosen_and_the_sockets_listen_without_blocking() -> None:
    """The socket accepts connections into its backlog right away."""
    (listener,) = bind("127.0.0.1", 0)
    with listener:
        assert listener.getblocking() is False
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        socket.create_connection(listener.getsockname()).close()


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])  # noqa: S104 - what an operator writes
def test_all_interfaces_means_both_families_on_one_port(host: str) -> None:
    """IPv4 is always there, IPv6 where the machine has it, on the same port."""
    facts = closed(bind(host, 0))
    assert facts[0][:2] == (socket.AF_INET, "0.0.0.0")  # noqa: S104 - what is expected
    assert [fact[:2] for fact in facts[1:]] in ([], [(socket.AF_INET6, "::")])
    assert len({port for _, _, port in facts}) == 1


def test_host_name_is_resolved() -> None:
    """`localhost` is all that it means here, on one port."""
    facts = closed(bind("localhost", 0))
    assert {address for _, address, _ in facts} <= {"127.0.0.1", "::1"}
    assert len({port for _, _, port in facts}) == 1


def test_port_can_be_bound_again_right_after_use() -> None:
    """A restart does not wait for old connections to be forgotten."""
    (listener,) = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):
        accepted, _ = listener.accept()
        accepted.close()
    listener.close()
    closed(bind("127.0.0.1", port))


def test_used_port_is_one_sentence() -> None:
    """The operator reads which port, and why not."""
    (listener,) = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with listener, pytest.raises(BindError) as caught:
        bind("127.0.0.1", port)
    text = f"Cannot listen on port {port} of 127.0.0.1: it is already in use."
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("no.such.host.invalid", 80, "the host name is not known"),
        ("a" * 70 + ".invalid", 80, "the host name is not known"),
        ("127.0.0.1", 65536, "a port is a number from 0 to 65535"),
        ("192.0.2.1", 0, "this machine has no such address"),
    ],
)
def test_impossible_address_is_one_sentence(host: str, port: int, reason: str) -> None:
    """Bad names, ports and addresses are told apart."""
    with pytest.raises(BindError, match=reason):
        bind(host, port)


def test_forbidden_port_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port this user may not open is said to be that, and nothing stays open."""

    class Forbidden(socket.socket):
        def bind(self, _address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("api.server.listen.socket.socket", Forbidden)
    with pytest.raises(BindError, match="this user may not open it"):
        bind("127.0.0.1", 80)
