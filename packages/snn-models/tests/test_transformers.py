"""Spikformer and QKFormer: published numbers of parameters, all steps at once, bad arguments."""

from __future__ import annotations

import pytest
import torch

from snn_core import unroll
from snn_models import SpikingPatchEmbedding, SpikingPatchSplitting, qkformer, spikformer

from .comparison import assert_unroll_is_the_loop


def millions(net):
    """Return the number of parameters in millions, cut off after two digits as the papers do."""
    return sum(parameter.numel() for parameter in net.parameters()) // 10_000 / 100


@pytest.mark.parametrize(("depth", "dim", "expected"), [(4, 256, 4.15), (2, 384, 5.76), (4, 384, 9.32)])
def test_a_spikformer_has_as_many_parameters_as_in_the_table_of_its_paper(depth, dim, expected):
    assert millions(spikformer(depth, dim)) == expected


def test_a_qkformer_has_as_many_parameters_as_in_the_table_of_its_paper():
    assert millions(qkformer(4, 384, num_classes=100)) == 6.74


def test_a_spikformer_over_a_sequence_is_its_loop():
    assert_unroll_is_the_loop(spikformer(2, 16, 3, heads=4, mlp_ratio=2), torch.randn(4, 3, 3, 9, 14))


def test_a_qkformer_over_a_sequence_is_its_loop():
    net = qkformer((1, 2, 1), 16, 3, heads=2, mlp_ratio=2, in_channels=2)
    assert_unroll_is_the_loop(net, torch.randn(4, 3, 2, 9, 14))


def test_patches_of_an_image_that_does_not_divide_are_rounded_up():
    assert unroll(SpikingPatchSplitting(2, 8), torch.rand(3, 1, 2, 9, 14)).shape == (3, 1, 3 * 4, 8)
    assert unroll(SpikingPatchEmbedding(4, 6), torch.rand(3, 1, 4, 9, 14)).shape == (3, 1, 6, 5, 7)
    assert unroll(SpikingPatchEmbedding(3, 6, first=True), torch.rand(3, 1, 3, 9, 14)).shape == (3, 1, 6, 9, 14)


def test_the_number_of_blocks_is_that_of_the_arguments():
    stages = [layer.blocks for layer in qkformer(5, 16, heads=2) if hasattr(layer, "blocks")]
    assert list(map(len, stages)) == [1, 1, 3]


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"^SpikingPatchSplitting: dim must be a multiple of 8, got 12$"):
        spikformer(1, 12, heads=2)
    with pytest.raises(ValueError, match=r"^SpikingSelfAttention: dim=16 must be divisible by heads=3"):
        spikformer(1, 16, heads=3)
    with pytest.raises(ValueError, match=r"^spikformer: depth must be a whole number of at least 1, got 0$"):
        spikformer(0, 16)
    with pytest.raises(ValueError, match=r"^qkformer: depth must be a number of at least 3, or three of .* got 2$"):
        qkformer(2, 32)
    with pytest.raises(ValueError, match=r"^qkformer: depth must be .*, got \(1, 1\)$"):
        qkformer((1, 1), 32)
    with pytest.raises(ValueError, match=r"^qkformer: dim must be a multiple of 32, got 16$"):
        qkformer(4, 16)
    with pytest.raises(ValueError, match=r"^SpikingPatchEmbedding: out_channels must be a multiple of 2, got 7$"):
        SpikingPatchEmbedding(3, 7, first=True)
