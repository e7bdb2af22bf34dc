"""A server that speaks the hub's protocol, on the files of one folder."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

COMMIT = "5eed" * 10


class Hub(BaseHTTPRequestHandler):
    """Serves `folder` as org/name at COMMIT; org/gated asks for a login, org/locked refuses one.

    The first `cut` bytes of a file are all that comes of a request for the whole of it.
    """

    folder: ClassVar[Path]
    cut: ClassVar[int]
    asked: ClassVar[list[tuple[str, str, str | None]]]

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, self.headers.get("Range")))
        match self.path.split("?")[0].strip("/").split("/"):
            case [*_, "org", "gated" | "locked" as name, "resolve", _, _] | [*_, "org", name] if (
                name in ("gated", "locked")
            ):
                self.refuse(401 if name == "gated" else 403, "GatedRepo")
            case ["api", "models", "org", "name"] | ["api", "models", "org", "name", "revision", _]:
                siblings = [{"rfilename": path.name} for path in self.folder.iterdir()]
                self.answer(json.dumps({"id": "org/name", "sha": COMMIT, "siblings": siblings}))
            case ["org", "name", "resolve", revision, file]:
                path = self.folder / file
                if revision not in (COMMIT, "main"):
                    self.refuse(404, "RevisionNotFound")
                elif path.is_file():
                    self.send_file(path)
                else:
                    self.refuse(404, "EntryNotFound")
            case _:
                self.refuse(404, "EntryNotFound")

    do_HEAD = do_GET  # noqa: N815

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        for name, value in {"X-Error-Code": code, "X-Error-Message": code}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def send_file(self, path: Path) -> None:
        """Send a file, or the rest of it that is asked for."""
        content = path.read_bytes()
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            whole = not start and self.cut and len(content) > self.cut
            self.wfile.write(content[start : self.cut if whole else None])
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def hub_of(folder: Path, cut: int = 0) -> Iterator[tuple[str, type[Hub]]]:
    """Start a hub; yield its address, and what it was asked."""
    kind = type("OneHub", (Hub,), {"folder": folder, "cut": cut, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()
