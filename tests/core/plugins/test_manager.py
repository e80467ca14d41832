from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from jackfield import API_VERSION, Observer, Router, hookimpl
from jackfield.errors import PluginError
from jackfield.plugins import manager
from jackfield.plugins.manager import Manager, Plugin, discover


class Brings:
    """A plugin that is an object: brings `returned` as observers."""

    def __init__(self, returned: Any) -> None:
        self.returned = returned
        self.calls = 0

    @hookimpl
    def jackfield_observers(self) -> Any:
        self.calls += 1
        return self.returned


class BringsUnderAnotherName:
    """Implements a hook by a function that is not called like it."""

    @hookimpl(specname="jackfield_observers")
    def observers(self) -> Mapping[str, type[Observer]]:
        return {"named": Observer}


class Misspelt:
    """Implements a hook that never was, which it may only if it says so."""

    @hookimpl(optionalhook=True)
    def jackfield_teapots(self) -> Mapping[str, type[Router]]:
        return {}


class Unlike:
    """Implements a hook whose name is like no other."""

    @hookimpl
    def pour(self) -> None: ...


class Static:
    """Implements a hook without the marker."""

    @staticmethod
    def jackfield_routers() -> Mapping[str, type[Router]]:
        return {}


def plugin(name: str, module: Any, api: str = API_VERSION) -> Plugin:
    return Plugin(name, f"dist-{name}", "1.0", api, module)


def test_a_hook_that_is_not_implemented_brings_nothing() -> None:
    one = plugin("one", ModuleType("one"))
    assert Manager([one]).call(one, "jackfield_observers") == {}


def test_a_hook_is_called_for_one_plugin_only() -> None:
    first, second = plugin("first", Brings({"first": Observer})), plugin("second", Brings({"second": Observer}))
    third = plugin("third", BringsUnderAnotherName())
    built = Manager([first, second, third])
    assert built.call(second, "jackfield_observers") == {"second": Observer}
    assert built.call(third, "jackfield_observers") == {"named": Observer}
    assert (first.module.calls, second.module.calls) == (0, 1)


def test_what_a_hook_returned_does_not_change_afterwards() -> None:
    returned = {"one": Observer}
    one = plugin("one", Brings(returned))
    answer = Manager([one]).call(one, "jackfield_observers")
    returned["late"] = Observer
    assert answer == {"one": Observer}


@pytest.mark.parametrize("returned", [None, [Observer], Observer, "one"])
def test_a_hook_must_return_a_mapping(returned: Any) -> None:
    one = plugin("one", Brings(returned))
    with pytest.raises(PluginError, match="hook 'jackfield_observers' must return a mapping from names to classes"):
        Manager([one]).call(one, "jackfield_observers")


@pytest.mark.parametrize("name", ["", " ", "padded ", "\tone"])
def test_a_name_must_be_one_that_the_configuration_can_hold(name: str) -> None:
    one = plugin("one", Brings({name: Observer}))
    with pytest.raises(PluginError, match="which is blank or padded"):
        Manager([one]).call(one, "jackfield_observers")


def test_one_name_twice() -> None:
    with pytest.raises(PluginError, match="plugin 'one' of distribution 'dist-one' has the same name as that of"):
        Manager([plugin("one", Brings({})), plugin("one", Brings({}))])


def test_one_module_under_two_names() -> None:
    module = ModuleType("shared")
    with pytest.raises(PluginError) as caught:
        Manager([plugin("one", module), plugin("two", module)])
    assert str(caught.value) == (
        "plugin 'two' of distribution 'dist-two' is the same module as plugin 'one' of distribution 'dist-one': "
        "disable one of the two"
    )


def test_an_unknown_hook_that_is_like_no_other_is_met_with_all() -> None:
    with pytest.raises(PluginError) as caught:
        Manager([plugin("one", Unlike())])
    assert "implements hook 'pour', which does not exist; known: jackfield_loaders, jackfield_backends" in str(
        caught.value
    )


def test_an_unknown_hook_may_be_implemented_as_optional() -> None:
    assert [p.name for p in Manager([plugin("one", Misspelt())]).plugins] == ["one"]


def test_a_static_method_without_the_marker_is_refused() -> None:
    with pytest.raises(PluginError, match="hook 'jackfield_routers' is not marked with @hookimpl"):
        Manager([plugin("one", Static)])


@pytest.mark.parametrize("api", ["1", "1.0.0", "one.zero", " 1.0", "+1.0", "1.0\n", "1_0.0", "\u0661.0", "-1.0"])
def test_an_api_version_of_another_form(api: str) -> None:
    with pytest.raises(PluginError, match="which is not of the form"):
        Manager([plugin("one", Brings({}), api)])


def test_an_api_version_that_is_not_stated() -> None:
    with pytest.raises(PluginError, match=f'does not state its API version: it needs jackfield_api = "{API_VERSION}"'):
        Manager([plugin("one", Brings({}), "")])


@pytest.mark.parametrize(
    ("ours", "theirs", "fits"),
    [
        ("1.0", "1.0", True),
        ("1.9", "1.0", True),
        ("1.9", "1.9", True),
        ("1.9", "1.10", False),
        ("1.10", "1.9", True),
        ("2.0", "1.9", False),
        ("1.9", "2.0", False),
    ],
)
def test_the_major_must_match_and_the_minor_be_reached(
    ours: str, theirs: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "API_VERSION", ours)
    one = plugin("one", Brings({}), theirs)
    if fits:
        assert Manager([one]).plugins == [one]
    else:
        with pytest.raises(PluginError, match=f"was built for API version {theirs}, this is {ours}"):
            Manager([one])


def test_nothing_is_imported_where_nothing_is_allowed() -> None:
    assert discover({"JACKFIELD_PLUGINS": ""}).plugins == []


def test_the_environment_of_the_process_counts_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACKFIELD_PLUGINS", "no-such-plugin")
    with pytest.raises(PluginError, match="JACKFIELD_PLUGINS names plugin 'no-such-plugin'"):
        discover()


def test_one_distribution_with_one_name_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [EntryPoint("one", value, "jackfield") for value in ("first", "second")]
    monkeypatch.setattr(manager, "entry_points", lambda group: found)
    with pytest.raises(PluginError, match="plugin 'one' of distribution 'unknown' has the same name"):
        discover({})


def test_an_entry_point_may_name_an_object_of_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [EntryPoint("one", f"{__name__}:OBJECT", "jackfield")]
    monkeypatch.setattr(manager, "entry_points", lambda group: found)
    (one,) = discover({}).plugins
    assert (one.module, one.distribution, one.version) == (OBJECT, "unknown", "")


def test_an_entry_point_that_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [EntryPoint("one", f"{__name__}:NOTHING", "jackfield")]
    monkeypatch.setattr(manager, "entry_points", lambda group: found)
    with pytest.raises(PluginError, match=r"import raised AttributeError: module .* has no attribute 'NOTHING'"):
        discover({})


OBJECT = Brings({"one": Observer})
OBJECT.jackfield_api = API_VERSION  # type: ignore[attr-defined]
