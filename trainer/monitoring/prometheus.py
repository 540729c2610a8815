"""What Prometheus scrapes of a run."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from trainer.configuration.choices import NETWORKS
from trainer.system.exits import RefusedError

STEP = "fashion_gan_step"
SPEED = "fashion_gan_images_per_second"
LOSS = "fashion_gan_loss"
RESTARTS = "fashion_gan_restarts"
CHECKPOINT_AGE = "fashion_gan_seconds_since_checkpoint"
METRICS = {
    STEP: "Generator updates made.",
    SPEED: "Images of the data set used per second, over the last loop.",
    LOSS: "Mean over the last loop.",
    RESTARTS: "How often the run was resumed.",
    CHECKPOINT_AGE: "Seconds of work that a kill would lose.",
}


class Exporter:
    """Serves how the run stands at /metrics of a port."""

    def __init__(
        self, port: int, step: int, restarts: int, seconds_since_save: Callable[[], float]
    ) -> None:
        """Starts to serve, in threads of its own.

        Args:
          port: on all addresses of this machine.
          step: at which the run starts or goes on.
          restarts: how often the run was resumed.
          seconds_since_save: of the last checkpoint; asked at each scrape.

        Raises:
          RefusedError: the port is taken or forbidden.
        """
        registry = CollectorRegistry()
        gauges = {
            name: Gauge(name, text, ["network"] if name == LOSS else [], registry=registry)
            for name, text in METRICS.items()
        }
        gauges[RESTARTS].set(restarts)
        gauges[CHECKPOINT_AGE].set_function(seconds_since_save)
        self._step, self._speed, self._loss = gauges[STEP], gauges[SPEED], gauges[LOSS]
        self._step.set(step)
        try:
            self._server, self._thread = start_http_server(port, registry=registry)
        except OSError as error:
            raise RefusedError(
                f"--metrics_port={port} cannot be used ({error.strerror}): choose another port"
            ) from error

    def report(self, step: int, epoch: float, metrics: dict[str, float]) -> None:
        """Takes in one loop's end."""
        self._step.set(step)
        self._speed.set(metrics["throughput/images_per_second"])
        for network in NETWORKS:
            self._loss.labels(network).set(metrics[f"loss/{network}"])

    def close(self) -> None:
        """Gives the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
