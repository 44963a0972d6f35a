"""Attention between spikes: worked examples, all steps at once, bad arguments."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snn_core import Leaky, unroll
from snn_models import QKAttention, SpikeDrivenAttention, SpikingSelfAttention, SpikingTransformerBlock

from .comparison import assert_unroll_is_the_loop

X = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])  # two tokens of two features

ATTENTIONS = {
    "SSA": lambda **options: SpikingSelfAttention(6, heads=3, scale=1.0, **options),
    "QK token": lambda **options: QKAttention(6, heads=2, **options),
    "QK channel": lambda **options: QKAttention(6, heads=2, over="channel", **options),
    "SDSA": lambda **options: SpikeDrivenAttention(6, **options),
}


def bare(attention, *parts):
    """Leave only the attention itself and some of its parts: other layers pass on what they get."""
    for name, _ in list(attention.named_children()):
        if name not in parts:
            setattr(attention, name, nn.Identity())
    return attention


def test_self_attention_is_the_product_of_queries_keys_and_values():
    # Q K^T = [[1, 1], [1, 2]], and times V = [[2, 1], [3, 2]]
    attention = bare(SpikingSelfAttention(2, heads=1, scale=0.5))
    assert attention(X).tolist() == [[[1.0, 0.5], [1.5, 1.0]]]


def test_heads_of_self_attention_see_only_their_own_features():
    # head 0 has tokens 1 and 1, head 1 has tokens 0 and 1
    assert bare(SpikingSelfAttention(2, heads=2, scale=1.0))(X).tolist() == [[[2.0, 0.0], [2.0, 1.0]]]


def test_q_k_attention_multiplies_keys_by_the_sum_over_features_or_tokens():
    assert bare(QKAttention(2, heads=1))(X).tolist() == [[[1.0, 0.0], [2.0, 2.0]]]
    assert bare(QKAttention(2, heads=2))(X).tolist() == [[[1.0, 0.0], [1.0, 1.0]]]
    assert bare(QKAttention(2, heads=1, over="channel"))(X).tolist() == [[[2.0, 0.0], [2.0, 1.0]]]


def test_the_mask_of_q_k_attention_needs_enough_spikes_in_the_query():
    neuron = lambda: Leaky(0.5, threshold=1.5, init_hidden=True)  # noqa: E731
    assert bare(QKAttention(2, heads=1, neuron=neuron), "attend")(X).tolist() == [[[0.0, 0.0], [1.0, 1.0]]]
    channel = QKAttention(2, heads=1, over="channel", neuron=neuron)
    assert bare(channel, "attend")(X).tolist() == [[[1.0, 0.0], [1.0, 0.0]]]


def test_spike_driven_attention_masks_channels_of_the_query_by_the_sum_of_keys_times_values():
    assert bare(SpikeDrivenAttention(2))(X).tolist() == [[[2.0, 0.0], [2.0, 1.0]]]
    attention = SpikeDrivenAttention(2, neuron=lambda: Leaky(0.5, threshold=1.5, init_hidden=True))
    assert bare(attention, "attend")(X).tolist() == [[[1.0, 0.0], [1.0, 0.0]]]


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_an_attention_over_a_sequence_is_its_loop(kind):
    assert_unroll_is_the_loop(ATTENTIONS[kind](), 3 * torch.randn(5, 3, 7, 6))


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_a_block_over_a_sequence_is_its_loop(kind):
    neuron = lambda: Leaky(0.8, learn_beta=True, init_hidden=True)  # noqa: E731
    block = SpikingTransformerBlock(ATTENTIONS[kind](neuron=neuron), 6, mlp_ratio=2, neuron=neuron)
    assert_unroll_is_the_loop(block, 3 * torch.randn(5, 3, 7, 6))


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_the_order_of_tokens_does_not_matter(kind):
    attention, xs, order = ATTENTIONS[kind]().eval(), 3 * torch.randn(5, 3, 7, 6), torch.randperm(7)
    torch.testing.assert_close(unroll(attention, xs[:, :, order]), unroll(attention, xs)[:, :, order])


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"^SpikingSelfAttention: dim=8 must be divisible by heads=3; change one of"):
        SpikingSelfAttention(8, heads=3)
    with pytest.raises(ValueError, match=r"^QKAttention: dim=8 must be divisible by heads=5"):
        QKAttention(8, heads=5)
    with pytest.raises(ValueError, match=r"^QKAttention: over must be one of 'token', 'channel', got 'batch'$"):
        QKAttention(8, over="batch")
    with pytest.raises(ValueError, match=r"^SpikeDrivenAttention: dim must be a whole number of at least 1, got 0$"):
        SpikeDrivenAttention(0)
    with pytest.raises(ValueError, match=r"^SpikingTransformerBlock: mlp_ratio must be a whole number of at least 1"):
        SpikingTransformerBlock(nn.Identity(), 8, mlp_ratio=0)
    with pytest.raises(TypeError, match=r"^SpikingSelfAttention: neuron must be a function without arguments"):
        SpikingSelfAttention(8, heads=2, neuron=Leaky(0.5, init_hidden=True))
