"""event_frames: every frame on the sheet at its place, its colors from its events."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from snn_plot import event_frames
from snn_plot.palette import BLUE, VERMILION

GROUND = 0.95


def sheet(ax):
    (image,) = ax.images
    return np.asarray(image.get_array())


def tile(ax, i, height, width, columns=4):
    """Pixels of the i-th frame: rows are a fifth of a frame apart, columns one pixel (of narrow frames)."""
    pitch = height + max(1, -(-height // 5))
    top, left = i // columns * pitch + pitch - height, i % columns * (width + 1)
    return sheet(ax)[top : top + height, left : left + width]


@pytest.mark.usefixtures("untouched")
def test_off_is_blue_on_is_vermilion_and_both_are_dark(ax):
    frames = torch.zeros(1, 2, 2, 2)
    frames[0, 0, 0, 1] = 4
    frames[0, 1, 1, 0] = 4
    frames[0, :, 1, 1] = 4
    assert event_frames(frames, ax=ax) is ax
    pixels = tile(ax, 0, 2, 2)
    blue, vermilion = np.array(to_rgb(BLUE)), np.array(to_rgb(VERMILION))
    np.testing.assert_allclose(pixels[0, 0], [GROUND] * 3 + [1])
    np.testing.assert_allclose(pixels[0, 1, :3], GROUND * blue)
    np.testing.assert_allclose(pixels[1, 0, :3], GROUND * vermilion)
    np.testing.assert_allclose(pixels[1, 1, :3], GROUND * blue * vermilion)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["OFF: darker", "ON: brighter"]
    assert ax.get_xlabel() == "2 × 2 pixels"


def test_the_color_grows_with_the_number_of_events_up_to_its_full_depth(ax):
    frames = torch.tensor([0, 1, 2, 4]).reshape(1, 1, 1, 4)
    event_frames(frames, ax=ax, vmax=2)
    shades = tile(ax, 0, 1, 4)[0, :, 2]
    ink = to_rgb(VERMILION)[2]
    np.testing.assert_allclose(shades, GROUND * np.array([1, 1 - 0.5 * (1 - ink), ink, ink]))


def test_every_frame_is_at_its_place_and_the_gaps_are_clear(ax):
    frames = torch.arange(6.0).reshape(6, 1, 1, 1).expand(6, 1, 5, 7)
    event_frames(frames, ax=ax, columns=4)
    # two rows of one pixel for the name and five of the frame; four frames of seven with a pixel between
    assert sheet(ax).shape == (12, 31, 4)
    ink = to_rgb(VERMILION)[2]
    for i in range(6):
        np.testing.assert_allclose(tile(ax, i, 5, 7)[..., 2], GROUND * (1 - i / 5 * (1 - ink)))
    assert sheet(ax)[..., 3].sum() == 6 * 5 * 7


def test_frames_are_named_by_their_step_or_time(ax):
    event_frames(torch.zeros(20, 3, 3), ax=ax, steps=[3, 19, 0])
    assert [text.get_text() for text in ax.texts] == ["step 3", "step 19", "step 0"]
    other = event_frames(torch.zeros(20, 3, 3), ax=ax.figure.axes[1], steps=[3, 19], dt=0.01)
    assert [text.get_text() for text in other.texts] == ["0.03 s", "0.19 s"]


@pytest.mark.parametrize(("num_steps", "expected"), [(1, [0]), (3, [0, 1, 2]), (15, [0, 2, 4, 6, 8, 10, 12, 14])])
def test_without_steps_eight_frames_or_all_are_spread_over_the_recording(ax, num_steps, expected):
    event_frames(torch.ones(num_steps, 2, 3, 3), ax=ax)
    assert [text.get_text() for text in ax.texts] == [f"step {step}" for step in expected]


def test_frames_without_a_polarity_need_no_legend(ax):
    event_frames(torch.ones(3, 4, 5, dtype=torch.bool).tolist(), ax=ax)
    assert ax.get_legend() is None
    assert tile(ax, 2, 4, 5)[..., :3] == pytest.approx(np.broadcast_to(GROUND * np.array(to_rgb(VERMILION)), (4, 5, 3)))


def test_silent_frames_are_drawn_as_ground(ax):
    event_frames(torch.zeros(1, 2, 3, 3), ax=ax)
    assert (tile(ax, 0, 3, 3)[..., :3] == GROUND).all()


@pytest.mark.parametrize("shape", [(4, 4), (3, 3, 4, 4), (2, 0, 4, 4), (0, 2, 4, 4), (5, 7, 2, 4, 4)])
def test_another_shape_is_refused_with_the_expected_ones(ax, shape):
    with pytest.raises(ValueError, match=r"\[time, 2, height, width\] or \[time, height, width\]"):
        event_frames(torch.zeros(shape), ax=ax)
    assert not ax.has_data()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": [3]}, r"steps must be whole numbers from 0 to 2, got \[3\]"),
        ({"steps": [-1]}, "steps must be whole numbers from 0 to 2"),
        ({"steps": [0.5]}, "steps must be whole numbers"),
        ({"steps": []}, "steps must be whole numbers"),
        ({"columns": 0}, "columns must be a whole number of 1 or more"),
        ({"columns": 1.5}, "columns must be a whole number of 1 or more"),
        ({"vmax": 0}, "vmax must be greater than 0, in events per pixel"),
        ({"vmax": float("nan")}, "vmax"),
        ({"dt": -1}, "dt must be greater than 0, in seconds"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_drawn(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        event_frames(torch.ones(3, 2, 3, 3), ax=ax, **arguments)
    assert not ax.has_data()


def test_negative_numbers_of_events_are_refused(ax):
    with pytest.raises(
        ValueError, match=r"frames must contain numbers of events, 0 or more, got -1.* separate channels"
    ):
        event_frames(torch.tensor([[[1, -1]]]), ax=ax)
