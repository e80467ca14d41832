"""Builds the native step with address and undefined-behaviour sanitizers and runs the kernels' tests over it:
`python -m tests.plugins.generation.native.sanitized`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from jackfield_plugins.generation.native.compiling import compile_step, compiler
from jackfield_plugins.generation.native.library import OTHER

FLAGS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g1", "-O1")
# reads of 64 bytes at addresses that are not multiples of 64 go through intrinsics that allow them
RUNTIMES = ("libasan.so", "libubsan.so")


def main() -> int:
    """Give pytest's exit status."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "step.so"
        compile_step(library, Path(folder) / "objects", FLAGS)
        found = [
            subprocess.run(
                [compiler(), f"-print-file-name={name}"], check=True, capture_output=True, text=True
            ).stdout.strip()
            for name in RUNTIMES
        ]
        # Python and NumPy keep memory until the end, which is no leak of ours
        environment = os.environ | {
            OTHER: str(library),
            "LD_PRELOAD": ":".join(found),
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        left_out = ("test_compiling.py", "test_smollm2.py")  # nothing of the kernels' own, and what takes too long
        paths = sorted(Path(__file__).parent.glob("test_*.py"))
        tests = [str(path) for path in paths if path.name not in left_out]
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", *tests], env=environment, check=False
        ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
