"""The outer loop: where it pauses, what it does there, how long a loop is."""

from __future__ import annotations

import logging
import time

import pytest

from trainer.configuration import flags
from trainer.training import loop
from trainer.training.plan import Plan


class Recorder:
    """Stands for the monitor and the checkpoints; keeps what happened, in order."""

    def __init__(self, seconds_a_loop: float = 0.0) -> None:
        self.happened: list[str] = []
        self._seconds_a_loop, self._since_save = seconds_a_loop, 0.0

    def record(self, step, metrics, steps_per_second):
        assert steps_per_second > 0
        self._since_save += self._seconds_a_loop
        self.happened.append(f"record {step}")

    def draw_grid(self, step):
        self.happened.append(f"draw {step}")

    def evaluate(self, step):
        self.happened.append(f"evaluate {step}")
        return {}

    def draw_preview(self):
        self.happened.append("preview")

    def flush(self):
        self.happened.append("flush")

    def save(self, step):
        self.happened.append(f"save {step}")
        self._since_save = 0.0

    def since_save(self):
        return self._since_save


def plan(*arguments: str) -> Plan:
    resolved = flags.train(["train", "--job_dir=x", "--dataset=synthetic", *arguments])
    return Plan(resolved.recipe, resolved.schedule)


def train(
    the_plan: Plan, recorder: Recorder, step=0, per_loop=100, stop_after=None, clock=time.monotonic
) -> int:
    trained = []

    def steps(first, count):
        trained.append((first, count))
        return {}

    return loop.run(
        step,
        the_plan,
        loop.Callbacks(steps, recorder.evaluate, recorder, recorder.save, recorder.since_save),
        loop.LoopLength(per_loop, lambda: stop_after is not None and len(trained) >= stop_after),
        clock,
    )


def test_it_pauses_where_something_is_due_and_saves_last():
    recorder = Recorder()  # an epoch of 4000 images is 40 steps of 100
    due = plan("--batch_size=100", "--epochs=2", "--save_interval=1", "--checkpoint_interval=50")

    assert train(due, recorder) == 80

    assert recorder.happened == [
        "record 40", "draw 40",
        "record 50", "preview", "flush", "save 50",
        "evaluate 80", "record 80", "draw 80", "preview", "flush", "save 80",
    ]  # fmt: skip


def test_records_are_flushed_before_the_checkpoint_commits_them():
    recorder = Recorder()
    train(plan("--batch_size=100", "--steps=10", "--checkpoint_interval=1"), recorder)
    saved = [place for place, what in enumerate(recorder.happened) if what.startswith("save")]
    assert len(saved) == 10
    assert all(recorder.happened[place - 1] == "flush" for place in saved)


def test_where_no_interval_is_asked_for_it_saves_every_half_minute():
    recorder = Recorder(seconds_a_loop=12.0)
    train(plan("--batch_size=100", "--steps=30"), recorder, per_loop=4)
    assert [what for what in recorder.happened if what.startswith("save")] == [
        *("save 12", "save 24", "save 30"),
    ]


@pytest.mark.parametrize(
    ("seconds", "saved"),
    [
        ([2.9] * 9, [12, 24, 44, 60]),  # from the second on after 58 s, of which 2.9 are 5 %
        ([2.9, 100.0, *[2.9] * 9], [12, 24, 44, 60]),  # one had to wait for the storage
        ([100.0, *[0.1] * 9], [12, 24, 36, 48, 60]),
    ],
)
def test_saving_that_takes_long_is_done_more_rarely(seconds, saved, monkeypatch):
    recorder = Recorder(seconds_a_loop=12.0)
    save, now, taken = recorder.save, [0.0], iter(seconds)

    def slowly(step):
        save(step)
        now[0] += next(taken)

    def clock():
        now[0] += 1e-6
        return now[0]

    monkeypatch.setattr(recorder, "save", slowly)
    train(plan("--batch_size=100", "--steps=60"), recorder, per_loop=4, clock=clock)
    found = [what for what in recorder.happened if what.startswith("save")]
    assert found == [f"save {step}" for step in saved]


def test_a_request_to_stop_is_obeyed_after_the_loop_in_flight_and_saved():
    recorder = Recorder()
    reached = train(plan("--batch_size=100", "--steps=90"), recorder, per_loop=7, stop_after=2)
    assert reached == 14
    assert recorder.happened[-4:] == ["record 14", "preview", "flush", "save 14"]


def test_a_request_before_the_first_loop_trains_nothing():
    recorder = Recorder()
    assert train(plan("--steps=90"), recorder, step=5, stop_after=0) == 5
    assert recorder.happened == []


def test_a_resumed_run_pauses_at_the_same_steps():
    due = plan("--batch_size=96", "--epochs=3", "--save_interval=2", "--checkpoint_interval=13")
    step, pauses = 0, []
    while step < due.last_step:
        step = due.next_pause(step)
        pauses.append(step)
    assert pauses[:4] == [13, 26, 39, 52]
    assert 84 in pauses  # two epochs of 41.7 steps
    assert [pause for pause in pauses if due.grid_due(pause)] == [84]
    assert {due.next_pause(inner) for inner in range(27, 39)} == {39}


def test_a_loop_grows_to_two_seconds_and_shrinks_when_steps_get_slow():
    length = loop.LoopLength(0, lambda: False)
    length.adapt(1, 20.0)  # the trace
    assert length.steps == 1
    for _ in range(5):
        length.adapt(length.steps, length.steps * 0.01)
    assert length.steps == 200
    length.adapt(200, 400.0)
    assert length.steps == 1


def test_a_loop_grows_to_the_most_that_it_may_have():
    length = loop.LoopLength(0, lambda: False, most=50)
    for _ in range(5):
        length.adapt(length.steps, length.steps * 0.01)
    assert length.steps == 50


def test_a_fixed_length_is_no_longer_than_can_be_sent(caplog):
    caplog.set_level(logging.INFO)
    assert loop.LoopLength(400, lambda: False, most=50).steps == 50
    assert "--steps_per_loop=400 becomes 50" in caplog.text


def test_a_fixed_length_stays():
    length = loop.LoopLength(9, lambda: False)
    for seconds in (20.0, 0.001):
        length.adapt(9, seconds)
    assert length.steps == 9


def test_a_small_set_has_no_grid_an_epoch():
    due = plan("--batch_size=1000", "--epochs=450", "--save_interval=2")  # 4 steps an epoch
    drawn = [step for step in range(1, due.last_step + 1) if due.grid_due(step)]
    assert drawn == list(range(24, 1801, 24))  # every sixth epoch: at most 100 of 225
