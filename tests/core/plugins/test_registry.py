from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import pytest

from jackfield import API_VERSION, Observer, Options, Router, hookimpl
from jackfield.errors import PluginError
from jackfield.plugins.manager import Manager, Plugin
from jackfield.plugins.registry import Registry


class First(Router):
    """Always the first."""

    def choose(self, request: Any, rows: int, replicas: Any) -> int:
        return 0


class Elsewhere(First):
    """Cannot be had here."""

    @classmethod
    def unavailable(cls) -> str | None:
        return "it is Sunday"


class Odd(First):
    """Gives a reason that says nothing."""

    @classmethod
    def unavailable(cls) -> str | None:
        return ""


class Brings:
    """A plugin that brings routers, observers and commands."""

    def __init__(self, routers: Any = (), observers: Any = (), commands: Any = ()) -> None:
        self.routers, self.observers, self.commands = dict(routers), dict(observers), dict(commands)

    @hookimpl
    def jackfield_routers(self) -> Mapping[str, type[Router]]:
        return self.routers

    @hookimpl
    def jackfield_observers(self) -> Mapping[str, type[Observer]]:
        return self.observers

    @hookimpl
    def jackfield_commands(self) -> Mapping[str, click.Command]:
        return self.commands


def registry(**plugins: Brings) -> Registry:
    return Registry(Manager(Plugin(name, f"dist-{name}", "1.0", API_VERSION, one) for name, one in plugins.items()))


def test_entries_are_sorted_by_socket_and_name_whoever_brings_them() -> None:
    built = registry(
        a=Brings({"z": First, "m": First}, {"o": Observer}),
        b=Brings({"a": First}),
    )
    assert [(entry.socket, entry.name) for entry in built] == [
        ("router", "a"),
        ("router", "m"),
        ("router", "z"),
        ("observer", "o"),
    ]
    assert list(built.socket("router")) == ["a", "m", "z"]
    assert [plugin.name for plugin in built.plugins] == ["a", "b"]


def test_one_name_in_two_sockets_is_no_clash() -> None:
    built = registry(a=Brings({"same": First}), b=Brings((), {"same": Observer}))
    assert built.get("router", "same") is First
    assert built.get("observer", "same") is Observer


def test_what_was_built_cannot_be_changed() -> None:
    built = registry(a=Brings({"one": First}, commands={"do": click.Command("do")}))
    with pytest.raises(TypeError):
        built.socket("router")["two"] = built.socket("router")["one"]  # type: ignore[index]
    with pytest.raises(TypeError):
        built.commands["two"] = None  # type: ignore[index]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("frist", "there is no router 'frist'; did you mean 'first'? (known: 'first', 'second')"),
        ("xyz", "there is no router 'xyz'; known: 'first', 'second'"),
    ],
)
def test_an_unknown_name_is_met_with_those_that_there_are(asked: str, sentence: str) -> None:
    with pytest.raises(PluginError) as caught:
        registry(a=Brings({"second": First, "first": First})).get("router", asked)
    assert str(caught.value) == sentence


def test_a_socket_without_entries_says_so() -> None:
    with pytest.raises(PluginError) as caught:
        registry().get("loader", "onnx")
    assert str(caught.value) == "there is no loader 'onnx'; known: none"


def test_what_is_unavailable_is_listed_and_refused() -> None:
    built = registry(a=Brings({"there": Elsewhere}))
    assert built.socket("router")["there"].unavailable == "it is Sunday"
    with pytest.raises(PluginError) as caught:
        built.get("router", "there")
    assert str(caught.value) == "router 'there' of distribution 'dist-a' is not available here: it is Sunday"


def test_a_reason_that_says_nothing_is_refused() -> None:
    with pytest.raises(PluginError, match=r"unavailable\(\) must return a reason or None, not an empty text"):
        registry(a=Brings({"odd": Odd}))


def test_commands_come_sorted_and_are_commands() -> None:
    first, second = click.Command("first"), click.Command("second")
    built = registry(a=Brings(commands={"z": first}), b=Brings(commands={"a": second}))
    assert dict(built.commands) == {"a": second, "z": first}
    assert list(built.commands) == ["a", "z"]
    with pytest.raises(PluginError, match=r"command 'do' must be a click\.Command, not class Options"):
        registry(a=Brings(commands={"do": Options}))


def test_two_plugins_with_one_command() -> None:
    with pytest.raises(PluginError) as caught:
        registry(a=Brings(commands={"do": click.Command("do")}), b=Brings(commands={"do": click.Command("do")}))
    assert str(caught.value) == (
        "plugin 'b' of distribution 'dist-b' and plugin 'a' of distribution 'dist-a' both bring command 'do': "
        "disable one of the two plugins"
    )


def test_options_that_are_not_options_are_refused() -> None:
    class Loose(First):
        """Brings a model of another kind."""

        options = dict  # type: ignore[assignment]

    with pytest.raises(PluginError, match=r"its `options` must be a subclass of jackfield\.Options, not class dict"):
        registry(a=Brings({"loose": Loose}))
