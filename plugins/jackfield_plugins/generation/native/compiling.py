"""Compiles the native step. Imports nothing of the project: the build hook runs this before anything is installed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "_step.so"
REASON = FOLDER / "_step.txt"
"""Why there is no library; not there when there is one."""
SOURCES = FOLDER / "source"
FLAGS = ("-std=c++20", "-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra")
# GCC 12's own header of AVX-512 leaves registers undefined on purpose, and then warns of it
QUIET = ("-Wno-maybe-uninitialized", "-Wno-uninitialized")
MACHINES = ("x86_64", "AMD64")


class CannotCompile(Exception):
    """There will be no native step; the message says why, in a sentence."""


def compiler() -> str:
    """The C++ compiler: `CXX`, or the first of g++, c++ and clang++ on the path. Raises CannotCompile."""
    if platform.machine() not in MACHINES:
        raise CannotCompile(f"the native step is written for x86-64, and this is {platform.machine()}")
    if not sys.platform.startswith("linux"):
        raise CannotCompile(f"the native step is built on Linux, and this is {sys.platform}")
    for name in (os.environ.get("CXX") or "", "g++", "c++", "clang++"):
        if name and (found := shutil.which(name)):
            return found
    raise CannotCompile("there was no C++ compiler (CXX, g++, c++ or clang++) when the package was built")


def compile_step(target: Path, objects: Path, extra: Sequence[str] = ()) -> None:
    """Write the library to `target`, with `extra` flags; `objects` is a folder for what comes between.
    Raises CannotCompile, with the end of what the compiler said."""
    tool = compiler()
    sources = sorted(SOURCES.glob("*.cpp"))
    objects.mkdir(parents=True, exist_ok=True)

    def one(source: Path) -> str:
        result = objects / f"{source.stem}.o"
        run([tool, *FLAGS, *QUIET, *extra, "-c", str(source), "-o", str(result)])
        return str(result)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as several:
        parts = list(several.map(one, sources))
    beside = target.with_suffix(f".{os.getpid()}.tmp")
    run([tool, "-shared", *extra, *parts, "-pthread", "-o", str(beside)])
    beside.replace(target)


def run(command: Sequence[str]) -> None:
    """Run a compiler's command. Raises CannotCompile when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotCompile(f"{Path(command[0]).name} failed when the package was built: {done.stderr.strip()[-600:]}")
