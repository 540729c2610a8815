"""The command: what it says, where it listens, what it lets in, and how it ends."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.command import run_forked, run_process, start_process
from tests.untrained_runs import untrained
from trainer.configuration import studio_flags
from trainer.studio import server
from trainer.system import exits
from trainer.system.exits import RefusedError

needs_gradio = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="needs pip install 'fashion-gan[studio]'"
)


@pytest.fixture(scope="module")
def job_dir(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a run"
    return untrained(folder, "--preset=mlp", "--dataset=synthetic")


def asked(address: tuple[str, int], path: str, host: str) -> tuple[int, str, dict[str, str]]:
    """Status, content and headers of an answer."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, content, dict(answer.getheaders())


def posted(address: tuple[str, int], path: str, content: bytes, kind: str) -> Any:
    """The answer to something that is sent."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("POST", path, content, {"Content-Type": kind})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def uploaded(address: tuple[str, int], picture: Path) -> str:
    """The path that the page says a picture has that is sent to it."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    content = head + picture.read_bytes() + b"\r\n--x--\r\n"
    (path,) = posted(address, "/gradio_api/upload", content, "multipart/form-data; boundary=x")
    return path


def chosen(address: tuple[str, int], path: str, is_stream: bool = False) -> dict[str, Any]:
    """What comes of it when a picture of this path is chosen in the first tab that takes one."""
    config = json.loads(asked(address, "/config", "localhost")[1])
    buttons = {each["id"] for each in config["components"] if each["type"] == "uploadbutton"}
    called = next(
        each
        for each in config["dependencies"]
        if buttons & {target for target, _ in each["targets"]}
    )
    named = {"path": path, "is_stream": is_stream, "meta": {"_type": "gradio.FileData"}}
    data = [named, *[None] * (len(called["inputs"]) - 1)]
    call = {"data": data, "fn_index": called["id"], "session_hash": "me"}
    posted(address, "/gradio_api/queue/join", json.dumps(call).encode(), "application/json")
    events = asked(address, "/gradio_api/queue/data?session_hash=me", "localhost")[1]
    said = [json.loads(line[6:]) for line in events.splitlines() if line.startswith("data: ")]
    return next(each for each in said if each["msg"] == "process_completed")


@needs_gradio
def test_the_page_is_served_on_this_machine_alone_until_a_signal(job_dir, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = start_process(
        *("studio", f"--job_dir={job_dir}", "--port=0", f"--data_dir={tmp_path / 'none'}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    found = re.fullmatch(r"http://(127\.0\.0\.1):(\d+)/\n", process.stdout.readline())
    assert found
    address = (found[1], int(found[2]))
    status, content, headers = asked(address, "/config", f"127.0.0.1:{address[1]}")
    assert status == 200
    assert all(name in content for name in ("Generate", "Walk", "Directions", "Edit", "Complete"))
    assert '"analytics_enabled":false' in content.replace(" ", "")
    assert headers["content-security-policy"].startswith("default-src 'self'")
    # A name of another site that leads here, by which its page could read this one.
    assert asked(address, "/config", "example.com")[0] == 400
    picture = tmp_path / "a.png"
    Image.new("L", (40, 40)).save(picture)
    assert chosen(address, uploaded(address, picture))["success"]
    for is_stream in (True, False):  # a file of this machine that was not sent
        assert not chosen(address, str(picture), is_stream)["success"]
    assert picture.is_file()
    outside = _other_address()
    if outside:
        with pytest.raises(OSError):
            socket.create_connection((outside, address[1]), timeout=5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == exits.OK, errors
    assert "SIGINT: closing the page" in errors
    assert errors.count("Traceback") == 2  # Gradio's, of what it refuses
    assert not list(temporary.rglob("*"))


def _other_address() -> str | None:
    """Of this machine, other than the loopback; None: it has none."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]
    except OSError:
        return None


def test_without_gradio_one_line_says_what_to_install(job_dir):
    hidden = "import sys; sys.modules['gradio'] = None"
    done = run_forked("studio", f"--job_dir={job_dir}", code=exits.REFUSED, before=hidden)
    assert "-m pip install 'gradio>=6.31,<7'" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not done.stdout


@needs_gradio
def test_a_run_that_is_not_there_is_refused(tmp_path):
    done = run_process("studio", f"--job_dir={tmp_path}", code=exits.REFUSED)
    assert "holds no run" in done.stderr


def test_a_taken_port_and_an_address_of_others_are_refused():
    with server.listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(RefusedError, match="--port=0 picks a free one"):
            with server.listening("127.0.0.1", port):
                pass
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(RefusedError, match=f"--host={re.escape(host)}"):
            with server.listening(host, 0):
                pass


def test_it_listens_on_this_machine_alone_unless_asked():
    assert studio_flags.studio(["studio", "--job_dir=a"]).host == "127.0.0.1"
    assert studio_flags.studio(["studio", "--job_dir=a", "--host=0.0.0.0"]).host == "0.0.0.0"
    for odd in ("--host=", "--host=http://a", "--port=-1", "--port=65536", "--port=x"):
        with pytest.raises(RefusedError):
            studio_flags.studio(["studio", "--job_dir=a", odd])
