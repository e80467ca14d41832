"""The rules of the sockets, with distributions that are really built and installed, each in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.plugins.catalogue import FAULTY, SENTENCES
from tests.core.plugins.distributions import Distribution, Site, policy

Installed = Callable[..., Site]

USE = """
from jackfield.plugins.registry import Registry

policy = Registry.installed().get("batching", "alpha-policy")
print(policy(policy.options()).plan((), (), None, 0.0))
"""


def test_found_and_usable_through_its_entry_point(installed: Installed) -> None:
    done = installed("third-alpha").run("-c", USE, environ={"JACKFIELD_PLUGINS": "alpha"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "Wait(until=None, rows=7)\n", "")


def test_found_after_pip_installs_it_from_source(tmp_path: Path) -> None:
    source = Distribution("third-sourced", "sourced", policy("sourced-policy"), "4.5").write(tmp_path)
    site = Site(tmp_path / "site")
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    pip = [sys.executable, "-m", "pip", "install", *options, "--target", str(site.folder), str(source)]
    subprocess.run(pip, check=True, capture_output=True)
    found = site.found({"JACKFIELD_PLUGINS": "sourced"})
    assert found["plugins"] == [["sourced", "third-sourced", "4.5", "1.0"]]
    assert found["entries"] == [["batching", "sourced-policy", "sourced", None]]


def test_plugins_are_sorted_by_name_whatever_the_order_of_installation(installed: Installed) -> None:
    site = installed("third-optional", "third-beta", "third-alpha")
    found = site.found({"JACKFIELD_PLUGINS": "optional,beta,alpha"})
    assert [name for name, *_ in found["plugins"]] == ["alpha", "beta", "optional"]
    assert [name for _, name, *_ in found["entries"]] == ["alpha-policy", "beta-policy", "fast"]


def test_two_distributions_with_one_plugin_name(installed: Installed) -> None:
    sentence = installed("third-alpha", "third-twin").refused({"JACKFIELD_PLUGINS": "alpha"})
    assert sentence == (
        "plugin 'alpha' of distribution 'third-alpha' has the same name as that of distribution 'third-twin': "
        "uninstall one, or keep both out with JACKFIELD_DISABLE_PLUGINS=alpha"
    )


def test_two_distributions_with_one_plugin_name_can_be_kept_out_as_the_sentence_says(installed: Installed) -> None:
    site = installed("third-alpha", "third-twin", "third-beta")
    found = site.found({"JACKFIELD_PLUGINS": "alpha,beta", "JACKFIELD_DISABLE_PLUGINS": "alpha"})
    assert [name for name, *_ in found["plugins"]] == ["beta"]


def test_two_plugins_with_one_option_name_in_one_socket(installed: Installed) -> None:
    sentence = installed("third-alpha", "third-rival").refused({"JACKFIELD_PLUGINS": "alpha,rival"})
    assert sentence == (
        "plugin 'rival' of distribution 'third-rival' and plugin 'alpha' of distribution 'third-alpha' both bring "
        "batching 'alpha-policy': disable one of the two plugins"
    )


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_plugin_stops_the_start_with_one_sentence(installed: Installed, name: str) -> None:
    assert installed(name).refused({"JACKFIELD_PLUGINS": "faulty"}) == SENTENCES[name]


def test_a_faulty_plugin_that_is_disabled_is_not_even_imported(installed: Installed) -> None:
    site = installed("third-alpha", "fault-import-exits")
    assert [name for name, *_ in site.found({"JACKFIELD_PLUGINS": "alpha"})["plugins"]] == ["alpha"]
    both = {"JACKFIELD_PLUGINS": "alpha,faulty", "JACKFIELD_DISABLE_PLUGINS": "faulty"}
    assert [name for name, *_ in site.found(both)["plugins"]] == ["alpha"]


def test_a_missing_optional_dependency_is_listed_with_the_extra(installed: Installed) -> None:
    found = installed("third-optional").found({"JACKFIELD_PLUGINS": "optional"})
    reason = "no_such_module_here is not installed; install it with the extra 'quick'"
    assert found["entries"] == [["batching", "fast", "optional", reason]]


def test_the_command_line_lists_what_is_installed(installed: Installed) -> None:
    site = installed("third-alpha", "third-optional")
    done = site.run("-m", "jackfield", "plugins", "--json", environ={"JACKFIELD_PLUGINS": "alpha,optional"})
    assert (done.returncode, done.stderr) == (0, "")
    listed = json.loads(done.stdout)["plugins"]
    assert [(plugin["name"], plugin["distribution"], plugin["version"]) for plugin in listed] == [
        ("alpha", "third-alpha", "1.2.3"),
        ("optional", "third-optional", "1.2.3"),
    ]
    assert [(one["name"], one["available"]) for plugin in listed for one in plugin["fills"]] == [
        ("alpha-policy", True),
        ("fast", False),
    ]


def test_a_missing_optional_dependency_is_an_error_once_it_is_asked_for(installed: Installed) -> None:
    assert installed("third-optional").refused({"JACKFIELD_PLUGINS": "optional"}, "batching:fast") == (
        "batching 'fast' of distribution 'third-optional' is not available here: no_such_module_here is not "
        "installed; install it with the extra 'quick'"
    )


def test_an_unknown_option_name_is_met_with_the_nearest(installed: Installed) -> None:
    sentence = installed("third-alpha").refused({"JACKFIELD_PLUGINS": "alpha"}, "batching:alpha-polcy")
    assert sentence == "there is no batching 'alpha-polcy'; did you mean 'alpha-policy'? (known: 'alpha-policy')"


def test_the_allow_list_keeps_everything_else_out(installed: Installed) -> None:
    site = installed("third-alpha", "third-beta")
    assert [name for name, *_ in site.found({"JACKFIELD_PLUGINS": " beta , "})["plugins"]] == ["beta"]
    assert site.found({"JACKFIELD_PLUGINS": ""}) == {"plugins": [], "entries": [], "commands": []}


def test_an_unknown_name_in_the_allow_list(installed: Installed) -> None:
    sentence = installed("third-alpha").refused({"JACKFIELD_PLUGINS": "alpha,alhpa"})
    assert sentence == "JACKFIELD_PLUGINS names plugin 'alhpa', which no installed distribution has"


def test_an_unknown_name_in_the_deny_list_keeps_nothing_out(installed: Installed) -> None:
    environ = {"JACKFIELD_PLUGINS": "alpha", "JACKFIELD_DISABLE_PLUGINS": "uninstalled-meanwhile"}
    assert [name for name, *_ in installed("third-alpha").found(environ)["plugins"]] == ["alpha"]
