"""The settings of the demonstration, and its tasks by name."""

from __future__ import annotations

import pytest

from snn.demo.settings import TASKS, settings_of
from snn.demo.task import Task


@pytest.mark.parametrize("name", TASKS)
def test_every_task_starts_from_seed_0(name):
    kind = settings_of(name)
    assert kind().seed == 0
    assert kind(seed=3) == kind(3)


@pytest.mark.parametrize(
    ("value", "error", "complaint"),
    [
        ({"epochs": 0}, ValueError, "the setting epochs is 0; pass a finite number of at least 1"),
        ({"seed": -1}, ValueError, "the setting seed is -1; pass a finite number of at least 0"),
        ({"learning_rate": float("nan")}, ValueError, "the setting learning_rate is nan"),
        ({"learning_rate": float("inf")}, ValueError, "the setting learning_rate is inf"),
        ({"epochs": 3.0}, TypeError, "the setting epochs is 3.0; pass one of type int"),
        ({"seed": True}, TypeError, "the setting seed is True; pass one of type int"),
        ({"beta": "0.9"}, TypeError, "the setting beta is '0.9'; pass one of type float"),
    ],
)
def test_an_invalid_setting_is_named(value, error, complaint):
    with pytest.raises(error, match=complaint):
        settings_of("digits")(**value)


def test_a_task_takes_its_own_settings():
    with pytest.raises(TypeError, match="the task 'mnist' takes MnistSettings, got DigitsSettings"):
        Task("mnist", settings_of("digits")())


def test_an_unknown_task_is_refused_and_the_known_ones_listed():
    with pytest.raises(ValueError, match=r"there is no task 'chess'; choose one of digits, mnist, vowels"):
        settings_of("chess")


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_the_name_that_it_is_found_by(name):
    settings = settings_of(name)()
    task = Task(name, settings)
    assert (task.name, task.settings) == (name, settings)
    assert len(set(task.classes)) == len(task.classes)
