"""How a worker finds the chief, whatever else listens at its address."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from trainer.distribution import rendezvous
from trainer.distribution.cluster_spec import Worker


@pytest.mark.parametrize(
    "before",
    [
        [],
        [b"\x00\x00\x18\x04\x00\x00\x00\x00\x00"],  # TensorFlow's server, of a group that goes on
        [b"?worker 2\n"],  # a chief that ends while it waits
    ],
)
def test_a_worker_comes_again_until_it_is_welcomed_and_leaves_what_follows(before):
    with socket.create_server(("127.0.0.1", 0)) as server:
        worker = Worker(1, (f"127.0.0.1:{server.getsockname()[1]}", "127.0.0.1:1"))

        def answer() -> None:
            for content in [*before, b"?worker 2, 3\n+\n.!"]:
                connection, _ = server.accept()
                with connection:
                    greeting = connection.recv(64)
                    connection.sendall(content)
                    greetings.append(greeting)

        greetings: list[bytes] = []
        chief = threading.Thread(target=answer)
        chief.start()
        (link,) = rendezvous.others(worker, time.monotonic() + 60).values()
        chief.join()
        with link:
            assert link.recv(64) == b".!"
    assert len(set(greetings)) == 1 and len(greetings) == len(before) + 1


def test_missing_workers_are_named_but_not_all_of_many():
    assert rendezvous._named([1, 3]) == "worker 1, 3"
    assert rendezvous._named(range(1, 256)) == "worker 1, 2, 3, 4, 5, 6, 7, 8 and 247 more"
