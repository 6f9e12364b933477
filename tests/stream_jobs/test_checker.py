"""The checker of the real-broker tests: it passes an exact run and names every kind of damage."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from ioc.pipeline.effects import InRecord
from tests.stream_jobs.toy import DEAD, OUT, Log, Tally, ToyStep, check, decode_tally, encode


def exact_run() -> Log:
    """What an undisturbed worker leaves behind for one source: eight good items on two keys, one poison."""
    values = [(f"k{i % 2}", encode({"v": i})) for i in range(8)] + [("k0", b"{poison")]
    step = ToyStep("raw.alpha", 0)
    log = Log({"raw.alpha/0": [(i, k, v) for i, (k, v) in enumerate(values)]}, [], [], [], {"raw.alpha/0": {}}, {})
    for start in range(0, len(values), 3):  # chunks of three
        chunk = [InRecord(i, 0, k.encode(), v) for i, (k, v) in enumerate(values)][start : start + 3]
        for emit in step.step(chunk, 0).emits:
            assert emit.value is not None
            if emit.topic == OUT:
                log.outputs.append(decode_tally(emit.value))
                log.output_keys.append(emit.key.decode())
            elif emit.topic == DEAD:
                log.dead.append({"src": "raw.alpha/0", "off": chunk[-1].offset})
        log.state["raw.alpha/0"].update({k: decode_tally(v) for k, v in step.take_dirty() if v is not None})
        log.positions["raw.alpha/0"] = chunk[-1].offset + 1
    return log


def test_an_exact_run_passes() -> None:
    assert check(exact_run()) == []


def lose_an_input_record(log: Log) -> None:
    """As if the worker had never seen the first item."""
    for tally in log.outputs:
        if tally.off % 2 == 0:
            tally.n -= 1


def count_twice(log: Log) -> None:
    log.outputs[-1].total += 1


def repeat_an_output(log: Log) -> None:
    log.outputs.append(copy.copy(log.outputs[-1]))
    log.output_keys.append(log.output_keys[-1])


def drop_the_last_output(log: Log) -> None:
    log.outputs.pop()
    log.output_keys.pop()


def go_back(log: Log) -> None:
    log.outputs[-1], log.outputs[-3] = log.outputs[-3], log.outputs[-1]
    log.output_keys[-1], log.output_keys[-3] = log.output_keys[-3], log.output_keys[-1]


def stale_state(log: Log) -> None:
    log.state["raw.alpha/0"]["k1"] = Tally("raw.alpha/0", 1, 1, 1)


def forget_a_state(log: Log) -> None:
    del log.state["raw.alpha/0"]["k0"]


def stale_position(log: Log) -> None:
    log.positions["raw.alpha/0"] = 3


def lose_a_dead_letter(log: Log) -> None:
    log.dead.clear()


def repeat_a_dead_letter(log: Log) -> None:
    log.dead.append(log.dead[0])


def bury_a_good_one(log: Log) -> None:
    log.dead.append({"src": "raw.alpha/0", "off": 2})


@pytest.mark.parametrize(
    "plant",
    [
        lose_an_input_record,
        count_twice,
        repeat_an_output,
        drop_the_last_output,
        go_back,
        stale_state,
        forget_a_state,
        stale_position,
        lose_a_dead_letter,
        repeat_a_dead_letter,
        bury_a_good_one,
    ],
)
def test_planted_damage_is_named(plant: Callable[[Log], None]) -> None:
    log = exact_run()
    plant(log)
    assert check(log)
