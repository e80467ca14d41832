"""Build hook: compiles the native step of text generation into the wheel. Without a compiler the wheel goes without."""

from __future__ import annotations

import importlib.util
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = "plugins/jackfield_plugins/generation/native"


class NativeStep(BuildHookInterface[Any]):
    """Runs for wheels, editable ones too: there the library is left in the source folder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say what was made; or leave the reason where the package can read it."""
        if self.target_name != "wheel":
            return
        compiling = module(Path(self.root) / NATIVE / "compiling.py")
        build_data["artifacts"] += [f"{NATIVE}/{compiling.LIBRARY.name}", f"{NATIVE}/{compiling.REASON.name}"]
        try:
            with tempfile.TemporaryDirectory() as objects:
                compiling.compile_step(compiling.LIBRARY, Path(objects))
        except compiling.CannotCompile as problem:
            self.app.display_warning(f"text generation goes without its native step: {problem}")
            compiling.LIBRARY.unlink(missing_ok=True)
            compiling.REASON.write_text(f"{problem}\n")
            return
        compiling.REASON.unlink(missing_ok=True)
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"  # ctypes loads it: any Python 3 will do


def module(path: Path) -> Any:
    """The module at `path`, which needs nothing of its package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a module")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
