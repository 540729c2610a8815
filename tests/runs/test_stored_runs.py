"""Which checkpoint a user's choice names."""

from __future__ import annotations

import pytest

from trainer.runs import stored_runs
from trainer.system.exits import RefusedError


def test_a_step_that_only_the_best_checkpoint_has_is_found(tmp_path):
    for name in ("ckpt-800", "best/ckpt-400"):
        path = tmp_path / f"{name}.index"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")

    stored_runs.check_checkpoint(tmp_path, "400")
    assert stored_runs.checkpoint_path(tmp_path, "400") == tmp_path / "best" / "ckpt-400"
    with pytest.raises(RefusedError, match=r"--checkpoint=500 does not exist; there are 400, 800"):
        stored_runs.check_checkpoint(tmp_path, "500")
