"""yin_yang: the geometry of the sign, in closed form and by a rule of its own for each point."""

from __future__ import annotations

import math

import pytest
import torch

from snn_data import yin_yang

YIN, YANG, DOT = range(3)


def many(seed=0):
    return yin_yang(60_000, 1, 1, seed=seed).train


def class_by_angle(x, y):
    """The class from the sign turned into polar coordinates around each center, one point at a time."""
    left, right = complex(x - 0.25, y - 0.5), complex(x - 0.75, y - 0.5)
    if min(abs(left), abs(right)) < 0.1:
        return DOT
    if abs(left) <= 0.25:
        return YANG
    if abs(right) <= 0.25:
        return YIN
    return YANG if math.sin(math.atan2(y - 0.5, x - 0.5)) > 0 else YIN


def test_each_point_has_the_class_of_its_place_in_the_sign():
    train, valid, test = yin_yang(3000, 501, 7)
    assert [len(part) for part in (train, valid, test)] == [3000, 501, 7]
    for part in (train, valid, test):
        assert (part.data.dtype, part.targets.dtype) == (torch.float32, torch.int64)
        assert part.data.shape == (len(part), 4)
        x, y = part.data[:, :2].double().unbind(1)
        assert ((x - 0.5) ** 2 + (y - 0.5) ** 2).max() <= 0.25
        assert part.targets.tolist() == [class_by_angle(*point) for point in part.data[:, :2].tolist()]


def test_the_last_two_features_complete_the_first_two_to_1_exactly():
    data = many().data
    assert (data[:, :2] + data[:, 2:]).eq(1).all()


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0.25, 0.5), (0.75, 0.5), (0.25, 0.59), (0.66, 0.5)], DOT),
        ([(0.25, 0.39), (0.5, 0.9), (0.14, 0.5), (0.25, 0.3)], YANG),
        ([(0.75, 0.61), (0.5, 0.1), (0.86, 0.5), (0.75, 0.7)], YIN),
    ],
)
def test_known_places_of_the_sign_are_among_points_of_their_class(points, expected):
    part = many()
    for point in points:
        nearest = (part.data[:, :2] - torch.tensor(point)).norm(dim=1).argsort()[:5]
        assert part.targets[nearest].tolist() == [expected] * 5


def test_classes_are_equally_frequent():
    counts = many().targets.bincount(minlength=3).double()
    # four standard deviations of a binomial draw
    assert (counts - 20_000).abs().max() < 4 * math.sqrt(60_000 * 1 / 3 * 2 / 3)


# areas: the sign pi / 4, a dot pi / 100, half a disc of radius 1 / 4 pi / 32
@pytest.mark.parametrize(
    ("kind", "inside", "area", "whole"),
    [
        (DOT, lambda x, y: x < 0.5, math.pi / 100, math.pi / 50),
        (DOT, lambda x, y: torch.hypot((x - 0.5).abs() - 0.25, y - 0.5) < 0.05, math.pi / 200, math.pi / 50),
        (YANG, lambda x, y: y < 0.5, math.pi / 32 - math.pi / 200, math.pi * 0.115),
        (YANG, lambda x, y: torch.hypot(x - 0.25, y - 0.5) < 0.25, math.pi * (1 / 16 - 1 / 100), math.pi * 0.115),
        (YIN, lambda x, y: y > 0.5, math.pi / 32 - math.pi / 200, math.pi * 0.115),
        (YIN, lambda x, y: torch.hypot(x - 0.75, y - 0.5) < 0.25, math.pi * (1 / 16 - 1 / 100), math.pi * 0.115),
    ],
)
def test_a_share_of_the_points_of_a_class_is_a_share_of_its_area(kind, inside, area, whole):
    part = many()
    x, y = part.data[part.targets == kind, :2].double().unbind(1)
    share = area / whole
    assert abs(inside(x, y).double().mean() - share) < 4 * math.sqrt(share * (1 - share) / len(x))


def test_yin_is_yang_turned_by_half_a_turn():
    part = many()
    yin, yang = (part.data[part.targets == kind] for kind in (YIN, YANG))
    turned = [class_by_angle(*point) for point in yang[:2000, 2:].tolist()]
    assert turned == [YIN] * 2000
    difference = yin[:, :2].double().mean(0) - yang[:, 2:].double().mean(0)
    deviation = yin[:, :2].double().std(0) * math.sqrt(2 / len(yin))
    assert (difference.abs() < 4 * deviation).all()


def test_the_points_follow_from_the_seed_alone():
    first = yin_yang(seed=3)
    torch.manual_seed(9)
    before = torch.get_rng_state()
    for part, again in zip(first, yin_yang(seed=3), strict=True):
        assert again.data.equal(part.data)
        assert again.targets.equal(part.targets)
    assert torch.get_rng_state().equal(before)
    assert not yin_yang(seed=4).train.data.equal(first.train.data)


def test_a_part_does_not_depend_on_the_sizes_of_the_others_and_shares_no_point_with_them():
    train, valid, test = yin_yang(1000, 1000, 1000)
    assert yin_yang(5, 1000, 7).valid.data.equal(valid.data)
    assert len(torch.cat([train.data, valid.data, test.data]).unique(dim=0)) == 3000


@pytest.mark.parametrize("name", ["train_samples", "valid_samples", "test_samples"])
@pytest.mark.parametrize("value", [0, -7])
def test_a_part_without_samples_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"1 sample or more in each part, got {name}={value}"):
        yin_yang(**{name: value})


@pytest.mark.parametrize("name", ["train_samples", "valid_samples", "test_samples", "seed"])
@pytest.mark.parametrize("value", [3.0, "3", None, True])
def test_a_number_that_is_not_whole_is_refused(name, value):
    with pytest.raises(TypeError, match=f"yin_yang needs an integer {name}, got {value!r}"):
        yin_yang(**{name: value})


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="must be 0 or more, got -1"):
        yin_yang(seed=-1)
