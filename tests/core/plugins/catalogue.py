"""Every distribution that the tests install: good ones, and one for each way to be wrong."""

from __future__ import annotations

from tests.core.plugins.distributions import Distribution, policy

GOOD = (
    Distribution("third-alpha", "alpha", policy("alpha-policy")),
    Distribution("third-beta", "beta", policy("beta-policy")),
    Distribution("third-twin", "alpha", policy("twin-policy")),  # the plugin name of third-alpha
    Distribution("third-rival", "rival", policy("alpha-policy")),  # the option name of third-alpha
    Distribution(
        "third-optional", "optional", policy("fast", '    requires = ("no_such_module_here",)\n    extra = "quick"\n')
    ),
)

_HEAD = 'from jackfield import hookimpl\n\njackfield_api = "1.0"\n\n'
_LOADERS = f"{_HEAD}@hookimpl\ndef jackfield_loaders():\n    return "
_PLUGIN = "plugin 'faulty' of distribution '{}'"

_FAULTS: tuple[tuple[str, str, str], ...] = (
    (
        "import-missing",
        "import no_such_module_here\n",
        ": import raised ModuleNotFoundError: No module named 'no_such_module_here'",
    ),
    ("import-exits", "raise SystemExit(3)\n", ": import raised SystemExit: 3"),
    ("import-syntax", "def broken(:\n", ": import raised SyntaxError: invalid syntax (fault_import_syntax.py, line 1)"),
    (
        "hook-misspelt",
        f"{_HEAD}@hookimpl\ndef jackfield_loader():\n    return {{}}\n",
        " implements hook 'jackfield_loader', which does not exist; did you mean 'jackfield_loaders'?",
    ),
    (
        "hook-unmarked",
        f"{_HEAD}def jackfield_loaders():\n    return {{}}\n",
        ": hook 'jackfield_loaders' is not marked with @hookimpl",
    ),
    (
        "hook-argument",
        f"{_HEAD}@hookimpl\ndef jackfield_loaders(config):\n    return {{}}\n",
        " does not fit this API: Plugin 'faulty' for hook 'jackfield_loaders'; hookimpl definition: "
        "jackfield_loaders(config); Argument(s) {'config'} are declared in the hookimpl but can not be found in the "
        "hookspec",
    ),
    (
        "hook-raises",
        f"{_HEAD}@hookimpl\ndef jackfield_loaders():\n    raise ValueError('first line\\nsecond line')\n",
        ": hook 'jackfield_loaders' raised ValueError: first line",
    ),
    (
        "hook-async",
        f"{_HEAD}@hookimpl\nasync def jackfield_loaders():\n    return {{}}\n",
        ": hook 'jackfield_loaders' is asynchronous: hooks are called at start, outside any event loop",
    ),
    (
        "hook-coroutine",
        f"{_HEAD}async def later():\n    return {{}}\n\n\n@hookimpl\ndef jackfield_loaders():\n    return later()\n",
        ": hook 'jackfield_loaders' must return a mapping from names to classes, not a value of type coroutine",
    ),
    (
        "hook-wrapper",
        f"{_HEAD}@hookimpl(wrapper=True)\ndef jackfield_loaders():\n    return (yield)\n",
        ": hook 'jackfield_loaders' is a wrapper: a plugin speaks for itself only, so hooks are plain functions",
    ),
    (
        "hook-twice",
        f"{_LOADERS}{{}}\n\n\n@hookimpl(specname='jackfield_loaders')\ndef more():\n    return {{}}\n",
        ": hook 'jackfield_loaders' is implemented 2 times in one plugin",
    ),
    (
        "returns-nothing",
        f"{_LOADERS}None\n",
        ": hook 'jackfield_loaders' must return a mapping from names to classes, not None",
    ),
    (
        "returns-list",
        f"{_LOADERS}[int]\n",
        ": hook 'jackfield_loaders' must return a mapping from names to classes, not a value of type list",
    ),
    (
        "returns-number-as-name",
        f"{_LOADERS}{{1: int}}\n",
        ": hook 'jackfield_loaders' must return a mapping from names to classes, not one with the key 1",
    ),
    (
        "returns-blank-name",
        f"{_LOADERS}{{' ': int}}\n",
        ": hook 'jackfield_loaders' returns the name ' ', which is blank or padded",
    ),
    (
        "returns-instance",
        policy("one").replace("Policy}", "Policy(Policy.options())}"),
        ": batching 'one' must be a subclass of jackfield.BatchingPolicy, not a value of type Policy",
    ),
    (
        "returns-other-class",
        policy("one").replace("batching_policies", "routers"),
        ": router 'one' must be a subclass of jackfield.Router, not class Policy",
    ),
    (
        "returns-abstract",
        f"{_LOADERS}{{'one': Half}}\n\n\nfrom jackfield import Loader\n\n\nclass Half(Loader):\n"
        "    @classmethod\n    def detects(cls, source):\n        return False\n",
        ": loader 'one' does not implement load",
    ),
    (
        "options-other-class",
        policy("one", "    options = dict\n"),
        ": batching 'one': its `options` must be a subclass of jackfield.Options, not class dict",
    ),
    (
        "unavailable-raises",
        policy("one", "    @classmethod\n    def unavailable(cls):\n        raise OSError('no driver\\nat all')\n"),
        ": batching 'one': unavailable() raised OSError: no driver",
    ),
    (
        "unavailable-boolean",
        policy("one", "    @classmethod\n    def unavailable(cls):\n        return False\n"),
        ": batching 'one': unavailable() must return a reason or None, not a value of type bool",
    ),
    (
        "command-function",
        f"{_HEAD}@hookimpl\ndef jackfield_commands():\n    return {{'one': print}}\n",
        ": command 'one' must be a click.Command, not a value of type builtin_function_or_method",
    ),
    (
        "api-missing",
        policy("one", api=""),
        ' does not state its API version: it needs jackfield_api = "1.0"',
    ),
    (
        "api-number",
        policy("one", api="jackfield_api = 1.0"),
        ': jackfield_api must be a string such as "1.0", not a value of type float',
    ),
    (
        "api-malformed",
        policy("one", api='jackfield_api = "1"'),
        " states API version '1', which is not of the form \"1.0\"",
    ),
    (
        "api-older-major",
        policy("one", api='jackfield_api = "0.9"'),
        " was built for API version 0.9, this is 1.0: upgrade the plugin",
    ),
    (
        "api-newer-major",
        policy("one", api='jackfield_api = "2.0"'),
        " was built for API version 2.0, this is 1.0: upgrade jackfield",
    ),
    (
        "api-newer-minor",
        policy("one", api='jackfield_api = "1.99"'),
        " was built for API version 1.99, this is 1.0: upgrade jackfield",
    ),
)

FAULTY = {f"fault-{fault}": Distribution(f"fault-{fault}", "faulty", source) for fault, source, _ in _FAULTS}
SENTENCES = {f"fault-{fault}": _PLUGIN.format(f"fault-{fault}") + rest for fault, _, rest in _FAULTS}
EVERYTHING = (*GOOD, *FAULTY.values())
