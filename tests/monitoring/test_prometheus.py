"""What Prometheus scrapes of a run."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.command import run_forked, start_forked
from tests.conftest import train_flags
from trainer import run_layout
from trainer.monitoring import prometheus
from trainer.runs import restarts
from trainer.system import exits
from trainer.system.exits import RefusedError


def scrape(port: int) -> dict[str, float]:
    """All series of the exporter at that port: name, and network where there is one."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return free.getsockname()[1]


def flags_of(job_dir: Path, port: int) -> list[str]:
    steps = "--steps=1000000"
    return train_flags(job_dir, "--dataset=synthetic", steps, f"--metrics_port={port}")


def test_a_run_shows_its_losses_and_its_speed_once_it_gets_its_port(tmp_path, port):
    flags = flags_of(tmp_path / "run", port)
    with socket.socket() as other:
        other.bind(("", port))
        other.listen()
        refused = run_forked(*flags, code=exits.REFUSED)
    assert f"--metrics_port={port} cannot be used (Address already in use)" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "run" / "config.json").exists()  # no step was made

    training = start_forked(*flags, stderr=subprocess.PIPE)
    seen: dict[str, float] = {}
    while training.poll() is None and "fashion_gan_loss generator" not in seen:
        time.sleep(0.1)
        with contextlib.suppress(OSError):  # not served yet
            seen = scrape(port)
    training.send_signal(signal.SIGTERM)
    _, log = training.communicate(timeout=120)

    assert training.returncode == exits.INTERRUPTED, log
    assert seen.keys() == {
        *(prometheus.METRICS.keys() - {prometheus.LOSS}),
        "fashion_gan_loss generator",
        "fashion_gan_loss discriminator",
    }
    assert seen["fashion_gan_step"] > 0
    assert seen["fashion_gan_images_per_second"] > 0
    assert seen["fashion_gan_loss discriminator"] > 0
    assert seen["fashion_gan_seconds_since_checkpoint"] >= 0
    assert seen["fashion_gan_restarts"] == 0


def test_a_resumed_run_shows_its_restarts_and_how_old_its_checkpoint_is_now(port):
    ages = [3.0, 7.0]
    exporter = prometheus.Exporter(port, 5, 2, lambda: ages.pop(0))

    shown = [scrape(port) for _ in range(2)]
    exporter.close()

    assert [series["fashion_gan_seconds_since_checkpoint"] for series in shown] == [3, 7]
    assert [series["fashion_gan_step"] for series in shown] == [5, 5]
    assert [series["fashion_gan_restarts"] for series in shown] == [2, 2]
    prometheus.Exporter(port, 0, 0, lambda: 0.0).close()  # the port was given back


def test_a_forbidden_port_is_refused(monkeypatch):
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", forbidden)
    with pytest.raises(RefusedError, match="--metrics_port=80 cannot be used"):
        prometheus.Exporter(80, 0, 0, lambda: 0.0)


@pytest.mark.parametrize("damaged", ["", "many", "1\x00"])
def test_a_damaged_count_of_restarts_starts_anew(damaged, tmp_path):
    (tmp_path / run_layout.RESTARTS).write_text(damaged)
    assert [restarts.count_one_more(tmp_path) for _ in range(2)] == [1, 2]
