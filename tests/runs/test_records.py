"""JSON Lines that other hands or a full disk have damaged."""

from __future__ import annotations

import json

import pytest

from trainer.commands import plot
from trainer.configuration.config import PlotConfig
from trainer.runs import event_files, records
from trainer.system.exits import RefusedError

GOOD = [{"step": step, "a": 1.0} for step in (1, 2, 3)]


@pytest.mark.parametrize(
    "damage", ["7", "[]", "null", '{"a": 1}', '{"step": "2", "a": 1}', "[" * 100_000, "\xff\0"]
)
def test_a_damaged_line_is_left_out_and_said(damage, tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    text = "".join(f"{json.dumps(line)}\n" for line in GOOD)
    path.write_bytes((damage + "\n" + text).encode("latin-1"))

    assert records.read_lines(path, "a") == GOOD
    assert "1 damaged lines are left out" in caplog.text
    records.trim_metrics(path, 2)
    assert records.read_lines(path) == GOOD[:2]


def test_a_line_that_a_kill_has_cut_short_is_left_out_without_a_word(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{json.dumps(GOOD[0])}\n{{"step": 2, "a')
    assert records.read_lines(path) == GOOD[:1]
    assert not caplog.text


def test_the_last_step_is_found_at_the_end_of_a_file(tmp_path, monkeypatch):
    path = tmp_path / "metrics.jsonl"
    assert records.last_step(path) == 0
    monkeypatch.setattr(records, "_END_BYTES", 40)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in 5 * GOOD))
    assert records.last_step(path) == 3
    path.write_text(f'{json.dumps(GOOD[1])}\n{{"step": 3, "a')
    assert records.last_step(path) == 2


def test_curves_of_records_without_losses_are_refused(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    with pytest.raises(RefusedError, match="holds no records"):
        plot.run(PlotConfig(tmp_path))


def test_a_valid_frame_without_an_event_is_left_out(tmp_path, caplog):
    import tensorflow as tf

    path = tmp_path / "events.out.tfevents.1"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"\xff\xff\xff\xff")
        writer.write(tf.compat.v1.Event(step=3).SerializeToString())
    event_files.trim(tmp_path, 5)
    assert "a damaged event is left out" in caplog.text
    assert len(list(tf.data.TFRecordDataset(str(path)))) == 1
