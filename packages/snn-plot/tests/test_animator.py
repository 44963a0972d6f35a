"""animator: one image, its pixels replaced from frame to frame."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from snn_plot import Camera, animator


@pytest.mark.parametrize(("num_steps", "frames"), [(False, 5), (3, 3)])
def test_the_film_shows_each_step_once_with_one_image(tmp_path, num_steps, frames):
    data = torch.rand(5, 3, 7, generator=torch.Generator().manual_seed(0)).bfloat16().requires_grad_()
    figure, ax = plt.subplots(figsize=(1, 1))
    animation = animator(data, figure, ax, num_steps)
    animation.save(tmp_path / "film.gif", writer="pillow")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == frames
    (image,) = ax.images
    assert image.get_array().tolist() == data[frames - 1].tolist()
    assert image.get_clim() == (data.min().item(), data.max().item())


@pytest.mark.parametrize("kind", [torch.Tensor.clone, lambda data: data.double().numpy(), torch.Tensor.bfloat16])
def test_the_film_is_of_the_data_at_the_call(kind):
    figure, ax = plt.subplots(figsize=(1, 1))
    data = kind(torch.eye(3).reshape(3, 1, 3))
    film = animator(data, figure, ax)
    data[...] = 0
    figure.canvas.draw()
    for step in range(3):
        (image,) = film.show(step)
        assert image.get_array().tolist() == [torch.eye(3)[step].tolist()]


def test_only_the_given_axes_lose_their_frame(tmp_path):
    figure, (ax, other) = plt.subplots(1, 2, figsize=(1, 1))
    animator(torch.eye(3).reshape(3, 1, 3), figure, ax).save(tmp_path / "film.gif", writer="pillow")
    assert not ax.axison
    assert other.axison


def test_the_figure_may_be_a_part_of_another(tmp_path):
    part, _ = Figure(figsize=(1, 0.5), dpi=40).subfigures(1, 2)
    animator(torch.eye(3).reshape(3, 1, 3), part, part.subplots()).save(tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 3
        assert film.size == (40, 20)


def test_wrong_shapes_steps_and_figures_are_refused(ax):
    with pytest.raises(ValueError, match=r"\[time, height, width\], got \[5, 3\]"):
        animator(torch.zeros(5, 3), ax.figure, ax)
    with pytest.raises(ValueError, match="num_steps must be 1 to 7 whole steps, the length of data, got 8"):
        animator(torch.zeros(7, 5, 3), ax.figure, ax, num_steps=8)
    with pytest.raises(ValueError, match="ax must be in fig"):
        animator(torch.zeros(7, 5, 3), Figure(), ax)
    assert not ax.has_data()


def test_scripts_that_take_snapshots_with_a_camera_run(tmp_path):
    figure, ax = plt.subplots(figsize=(1, 1))
    camera = Camera(figure)
    for height in (1, 2, 3):
        ax.plot([0, height])
        camera.snap()
    camera.animate(interval=40).save(tmp_path / "film.gif", writer="pillow")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 3
