"""A hub of our own on loopback: the routes that huggingface_hub calls, over a folder of repositories, and faults."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """`root`/owner/name holds a repository. `gated`, `private`, `broken`: repositories with that fault. `cut`: how
    many more times a file is cut short. `asked`: what was asked for, as "METHOD path"."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.broken: set[str] = set()
        self.cut: dict[str, int] = {}
        self.asked: list[str] = []
        self.endpoint = ""

    def fetched(self) -> set[str]:
        """The files that were asked for, in whichever way they were served."""
        return {line.rpartition(f"{COMMIT}/")[2] for line in self.asked if f"/resolve/{COMMIT}/" in line}


@contextmanager
def running(root: Path) -> Iterator[Hub]:
    """Serve until the end of the block."""
    hub = Hub(root)

    class Bound(_Handler):
        served = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Bound) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.served.asked.append(f"{self.command} {path}")
        match path.strip("/").split("/"):
            case ["api", "models", owner, name, "revision", revision]:
                if self._found(f"{owner}/{name}", revision, gated=False):
                    self._json({"id": f"{owner}/{name}", "sha": COMMIT, "siblings": [], "tags": [], "private": False})
            case ["api", "models", owner, name, "tree", revision, *_]:
                if self._found(f"{owner}/{name}", revision, gated=False):
                    self._json(self._tree(self.served.root / owner / name))
            case [owner, name, "resolve", revision, *file] if file:
                if self._found(f"{owner}/{name}", revision, gated=True):
                    self._resolve(self.served.root / owner / name / "/".join(file))
            case ["storage", *file]:
                self._content(self.served.root / "/".join(file))
            case _:
                self._error(404, "EntryNotFound")

    def _found(self, repository: str, revision: str, gated: bool) -> bool:
        hub = self.served
        if repository in hub.broken:
            self._error(500, None)
        elif repository in hub.private:
            self._error(401, "RepoNotFound")
        elif repository in hub.gated and gated:
            self._error(403, "GatedRepo")
        elif not (hub.root / repository).is_dir():
            self._error(404, "RepoNotFound")
        elif revision not in ("main", "v1", COMMIT):
            self._error(404, "RevisionNotFound")
        else:
            return True
        return False

    def _tree(self, folder: Path) -> list[dict[str, Any]]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [
            {
                "type": "file",
                "path": str(path.relative_to(folder)),
                "size": path.stat().st_size,
                "oid": _hash(path)[:40],
            }
            for path in files
        ]

    def _resolve(self, path: Path) -> None:
        if not path.is_file():
            self._error(404, "EntryNotFound")
            return
        if path.suffix not in (".safetensors", ".gguf"):
            self._content(path)
            return
        # large files are redirected to a storage, which says nothing of commits
        self.send_response(302)
        self.send_header("Location", f"{self.served.endpoint}/storage/{path.relative_to(self.served.root)}")
        self.send_header("X-Linked-Etag", f'"{_hash(path)}"')
        self.send_header("X-Linked-Size", str(path.stat().st_size))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _content(self, path: Path) -> None:
        data, start = path.read_bytes(), 0
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", f'"{_hash(path)[:40]}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.served.cut.get(path.name, 0):
            self.served.cut[path.name] -= 1
            self.wfile.write(data[start : start + (len(data) - start) // 2])
            self.close_connection = True
            return
        self.wfile.write(data[start:])

    def _json(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _error(self, status: int, code: str | None) -> None:
        self.send_response(status)
        if code is not None:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
