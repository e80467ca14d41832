"""Clusters that are not there are said so, in time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

MODELS = Path(__file__).with_name("models.py")
ASK = """
import asyncio, sys
from jackfield import Server
from jackfield.errors import LoadError

async def ask(address, seconds):
    place = {"name": "ray", "address": address, "connect_timeout_s": seconds}
    try:
        async with Server({"models": {"m": {"source": sys.argv[1], "placement": place}}, "endpoints": {}}):
            print("it is ready")
    except LoadError as error:
        print("=", str(error).replace(chr(10), " "))

async def main():
    await ask(sys.argv[2], 60)
    await ask(sys.argv[3], 3)

asyncio.run(main())
"""


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """In a process of its own, since Ray goes on trying to connect."""
    with socket.create_server(("127.0.0.1", 0)) as mute, socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        silent, closed = (f"127.0.0.1:{one.getsockname()[1]}" for one in (mute, deaf))
        env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        env |= {"RAY_TMPDIR": str(tmp_path), "HOME": str(tmp_path), "RAY_AUTH_MODE": "disabled"}
        command = [sys.executable, "-c", ASK, f"{MODELS}:Double", closed, silent]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    told = [line for line in done.stdout.splitlines() if line.startswith("= ")]
    assert len(told) == 2, done.stdout + done.stderr
    assert f"no head of a Ray cluster answers at '{closed}'" in told[0]
    assert f"no connection to the Ray cluster '{silent}' within 3 s" in told[1]
