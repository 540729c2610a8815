"""Which checkpoint a user's choice names."""

from __future__ import annotations

import pytest

from trainer.runs import checkpoint_choice
from trainer.system.exits import RefusedError


def test_a_step_that_only_the_best_checkpoint_has_is_found(tmp_path):
    for name in ("ckpt-800", "best/ckpt-400"):
        path = tmp_path / f"{name}.index"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")

    checkpoint_choice.check(tmp_path, "400")
    assert checkpoint_choice.path_of(tmp_path, "400") == tmp_path / "best" / "ckpt-400"
    with pytest.raises(RefusedError, match=r"--checkpoint=500 does not exist; there are 400, 800"):
        checkpoint_choice.check(tmp_path, "500")
