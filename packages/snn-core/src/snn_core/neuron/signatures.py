"""The order in which each neuron takes its arguments by position, which is snnTorch's; all others go by name alone.

Type checkers and editors read the stub beside this file, where each name is the whole constructor. It follows from what
stands here and in the constructors: ``python tools/signatures.py`` writes it.
"""

_FIRST = "threshold spike_grad surrogate_disable init_hidden inhibition"
_LAST = "reset_mechanism state_quant output"
_GRADED = "graded_spikes_factor learn_graded_spikes_factor"
_CONNECTION = "V all_to_all linear_features conv2d_channels kernel_size"
_OF_A_SEQUENCE = f"threshold spike_grad surrogate_disable learn_beta learn_threshold state_quant output {_GRADED}"

SpikingNeuron = f"{_FIRST} learn_threshold {_LAST} {_GRADED}"

LIF = f"beta {_FIRST} learn_beta learn_threshold {_LAST} {_GRADED}"
Leaky = f"{LIF} reset_delay"
RLeaky = f"beta {_CONNECTION} {_FIRST} learn_beta learn_threshold learn_recurrent {_LAST} reset_delay"
Lapicque = f"beta R C time_step {_FIRST} learn_beta learn_threshold {_LAST}"

Alpha = f"alpha beta {_FIRST} learn_alpha learn_beta learn_threshold {_LAST}"
Synaptic = f"{Alpha} reset_delay"
RSynaptic = (
    f"alpha beta {_CONNECTION} {_FIRST} learn_alpha learn_beta learn_threshold learn_recurrent {_LAST} reset_delay"
)

SLSTM = f"input_size hidden_size bias {_FIRST} learn_threshold {_LAST}"
SConv2dLSTM = f"in_channels out_channels kernel_size bias max_pool avg_pool {_FIRST} learn_threshold {_LAST}"

StateLeaky = f"beta channels {_OF_A_SEQUENCE} kernel_truncation_steps"
LinearLeaky = f"beta in_features out_features bias device dtype {_OF_A_SEQUENCE} kernel_truncation_steps"
LeakyParallel = (
    "input_size hidden_size beta bias threshold dropout spike_grad surrogate_disable learn_beta learn_threshold "
    f"{_GRADED} weight_hh_enable device dtype"
)
