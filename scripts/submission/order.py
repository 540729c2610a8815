"""What a user asks for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """One run in a cluster."""

    overlay: str
    components: tuple[str, ...]  # beside the overlay's own
    name: str
    namespace: str
    image: str
    job_dir: str
    workers: int | None  # pods; None: as the overlay says
    gpus: int | None  # of each pod; None: as the overlay says
    google_account: str | None  # None: as the overlay says
    pull_secret: str | None  # of the image's registry; None: it needs none
    training: tuple[str, ...]  # flags of `fashion-gan train`
