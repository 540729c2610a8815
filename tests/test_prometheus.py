"""What Prometheus scrapes of a run."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT, command, run, train_flags
from trainer import exits, prometheus, restarts
from trainer.exits import RefusedError


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


def interrupted_when_seen(job_dir: Path, port: int) -> dict[str, float]:
    """Trains until a step was scraped, interrupts, and returns the last scrape."""
    flags = train_flags(job_dir, "--dataset=synthetic", "--steps=1000000", f"--metrics_port={port}")
    training = subprocess.Popen(command(*flags), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    seen: dict[str, float] = {}
    while training.poll() is None and "fashion_gan_loss generator" not in seen:
        time.sleep(0.1)
        try:
            seen = scrape(port)
        except OSError:
            continue  # not served yet
    training.send_signal(signal.SIGTERM)
    _, log = training.communicate(timeout=120)
    assert training.returncode == exits.INTERRUPTED, log
    return seen


def test_a_run_shows_its_losses_its_speed_and_how_often_it_was_resumed(tmp_path, port):
    first = interrupted_when_seen(tmp_path / "run", port)
    second = interrupted_when_seen(tmp_path / "run", port)

    assert first.keys() == {
        "fashion_gan_step",
        "fashion_gan_images_per_second",
        "fashion_gan_loss generator",
        "fashion_gan_loss discriminator",
        "fashion_gan_restarts",
        "fashion_gan_seconds_since_checkpoint",
    }
    assert second["fashion_gan_step"] > first["fashion_gan_step"] > 0
    assert (
        first["fashion_gan_images_per_second"] > 0 and first["fashion_gan_loss discriminator"] > 0
    )
    assert 0 <= first["fashion_gan_seconds_since_checkpoint"] < 60
    assert (first["fashion_gan_restarts"], second["fashion_gan_restarts"]) == (0, 1)


def test_a_taken_port_is_refused_before_the_first_step(tmp_path, port):
    with socket.socket() as other:
        other.bind(("", port))
        other.listen()
        flags = train_flags(tmp_path / "run", "--dataset=synthetic", f"--metrics_port={port}")
        refused = run(*flags, code=exits.REFUSED)

    assert f"--metrics_port={port} cannot be served (Address already in use)" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "run" / "config.json").exists()


def test_the_age_of_the_checkpoint_is_that_of_the_scrape(port):
    ages = [3.0, 7.0]
    exporter = prometheus.Exporter(port, 5, 2, lambda: ages.pop(0))

    shown = [scrape(port) for _ in range(2)]
    exporter.close()

    assert [series["fashion_gan_seconds_since_checkpoint"] for series in shown] == [3, 7]
    assert [series["fashion_gan_step"] for series in shown] == [5, 5]
    prometheus.Exporter(port, 0, 0, lambda: 0.0).close()  # the port was given back


def test_a_forbidden_port_is_refused(monkeypatch):
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", forbidden)
    with pytest.raises(RefusedError, match="--metrics_port=80 cannot be served"):
        prometheus.Exporter(80, 0, 0, lambda: 0.0)


@pytest.mark.parametrize("damaged", ["", "many", "1\x00"])
def test_a_damaged_count_of_restarts_starts_anew(damaged, tmp_path):
    (tmp_path / restarts.RESTARTS_FILE).write_text(damaged)
    assert [restarts.count(tmp_path) for _ in range(2)] == [1, 2]
