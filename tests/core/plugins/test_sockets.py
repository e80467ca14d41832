from __future__ import annotations

import jackfield
from jackfield.interfaces import Plug
from jackfield.plugins.sockets import SOCKETS


def test_no_two_sockets_share_a_name_a_hook_or_a_class() -> None:
    for part in ("name", "hook", "base"):
        values = [getattr(socket, part) for socket in SOCKETS]
        assert len(set(values)) == len(values), part


def test_the_class_of_each_socket_is_public() -> None:
    for socket in SOCKETS:
        assert issubclass(socket.base, Plug)
        assert getattr(jackfield, socket.base.__name__) is socket.base
