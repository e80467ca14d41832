"""Models that are a Python class: loader `python`, backend `python`.

    class Classifier:
        def __init__(self, scale: float = 1.0): ...          # options from `init` of the configuration
        def load(self): ...                                  # optional, once, before the first call
        def predict(self, x: Annotated[NDArray[np.float32], Shape(-1, 16)]) -> NDArray[np.float32]: ...
        def unload(self): ...                                # optional, once, after the last call

Rows that differ in shape share a step if `predict` takes them as a list: `x: list[NDArray[np.float32]]`, or with the
shape of one row `list[Annotated[NDArray[np.float32], Shape(-1, 16)]]`, is a list of arrays, one for each row of all
requests that share the step; what is returned may be such a list too.

The source `model.py:Classifier` or `package.module:Classifier` names the class, which is the consent to run its code.
`source` finds and imports the class, `annotations` reads the types of `predict`, `declared` takes what the
configuration says of them, `loader` puts these together; `backend` makes an instance, `executor` calls it, `convert`
brings values to arrays and back.
"""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Backend, Loader, hookimpl
from jackfield_plugins.python.backend import PythonBackend
from jackfield_plugins.python.loader import PythonLoader

jackfield_api = "1.0"


@hookimpl
def jackfield_loaders() -> Mapping[str, type[Loader]]:
    """The loader of Python classes."""
    return {"python": PythonLoader}


@hookimpl
def jackfield_backends() -> Mapping[str, type[Backend]]:
    """Python itself."""
    return {"python": PythonBackend}
