"""The server of the page: where it listens, what it lets in, and how it ends."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.configuration.config_json import RunConfig
from trainer.configuration.studio import StudioConfig
from trainer.system import activity, exits, signals, unused_libraries
from trainer.system.exits import RefusedError

if TYPE_CHECKING:  # both take seconds to import, and come after the checks
    import uvicorn

    from trainer.studio.open_run import OpenRun

log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_POLL_SECONDS, _END_SECONDS = 0.05, 1.0
# Nothing is fetched from elsewhere, whatever Gradio's page may ask for.
_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'self'; "
    "form-action 'self'"
)


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens; port 0: a free one.

    Raises:
      RefusedError: the address is not this machine's, or the port is taken.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RefusedError(f"--host={host} is not an address of this machine ({error})") from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            raise RefusedError(
                f"--host={host} --port={port}: {error.strerror}; --port=0 picks a free one"
            ) from error
        yield listener


def serve(config: StudioConfig, stored: RunConfig, listener: socket.socket) -> None:
    """Serves the page of a run until a signal comes.

    Args:
      config: of `studio`.
      stored: the run's configuration.
      listener: where it listens.

    Raises:
      RefusedError: the checkpoint is damaged.
    """
    from trainer.studio import opening

    run = opening.opened(config, stored)
    with signals.graceful("closing the page"):
        folder = Path(tempfile.mkdtemp(prefix="fashion-gan-studio-"))
        try:
            server = _server(run, folder, config.host)
            is_idle = _serve(server, listener, f"{run.name}, step {run.trained.step}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if not is_idle:
            signals.leave(exits.OK)  # what is still computed has nobody who waits for it


def _server(run: OpenRun, folder: Path, host: str) -> uvicorn.Server:
    """The page as a server that does not run yet.

    Args:
      run: that the page is of.
      folder: for what users send.
      host: where it will listen.
    """
    use_folder(folder)
    unused_libraries.show()  # Gradio may use them
    import fastapi
    import gradio
    import uvicorn
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from trainer.studio import page, uploads

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if host in _LOOPBACK:  # no name of another site may lead here
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*_LOOPBACK, "[::1]"])

    @app.middleware("http")
    async def with_policy(request: fastapi.Request, call_next):
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    blocks = page.page(run)
    blocks.has_launched = True  # else no component looks whether a file was sent; launch() says so
    gradio.mount_gradio_app(
        app,
        blocks,
        path="/",
        server_name=host,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        max_file_size=uploads.MOST_MEGABYTES * 2**20,
        theme=page.theme(),
        css=page.CSS,
    )
    settings = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    return uvicorn.Server(settings)


def use_folder(folder: Path) -> None:
    """Has Gradio keep its files in a folder, and tell nobody of its use. Before it is imported."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def _serve(server: uvicorn.Server, listener: socket.socket, what: str) -> bool:
    """Serves until a signal comes; whether nothing is computed any more then."""
    thread = threading.Thread(target=server.run, args=([listener],), name="server", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server has not started")
        time.sleep(_POLL_SECONDS)
    log.info("showing %s; press Ctrl-C to stop", what)
    activity.now("")
    print(_url(listener), flush=True)
    while not signals.stop_requested():
        time.sleep(_POLL_SECONDS)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # connections that are cut are no news
    server.should_exit = server.force_exit = True
    thread.join(_END_SECONDS)
    return not thread.is_alive() and not any(
        other.is_alive() and not other.daemon
        for other in threading.enumerate()
        if other is not threading.main_thread()
    )


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
