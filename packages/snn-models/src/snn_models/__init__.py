"""Deep spiking networks: blocks and whole networks of the literature, written for one time step.

``snn_core.unroll(net, xs)`` runs them over a sequence layer by layer, with any neuron.
"""

from snn_models._version import __version__
from snn_models.attention import QKAttention, SpikeDrivenAttention, SpikingSelfAttention
from snn_models.neuron import leaky
from snn_models.qkformer import SpikingPatchEmbedding, qkformer
from snn_models.residual import MSBlock, SEWBlock, ms_resnet, sew_resnet
from snn_models.speech import delayed_speech, feedforward_speech, recurrent_adaptive, recurrent_speech
from snn_models.spikformer import SpikingPatchSplitting, spikformer
from snn_models.tokens import SpikingTransformerBlock
from snn_models.vgg import vgg

__all__ = [
    "sew_resnet",
    "SEWBlock",
    "ms_resnet",
    "MSBlock",
    "vgg",
    "spikformer",
    "SpikingPatchSplitting",
    "qkformer",
    "SpikingPatchEmbedding",
    "SpikingTransformerBlock",
    "SpikingSelfAttention",
    "QKAttention",
    "SpikeDrivenAttention",
    "feedforward_speech",
    "recurrent_speech",
    "recurrent_adaptive",
    "delayed_speech",
    "leaky",
    "__version__",
]
