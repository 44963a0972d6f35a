"""The signature of every neuron in version 0.5.0, word for word, as ``inspect.signature`` gives it."""

RECORD = {
    "Alpha": (
        "(alpha: 'Constant', beta: 'Constant', threshold: 'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, "
        "surrogate_disable: 'bool' = False, init_hidden: 'bool' = False, inhibition: 'bool' = False, learn_alpha: "
        "'bool' = False, learn_beta: 'bool' = False, learn_threshold: 'bool' = False, reset_mechanism: 'str' = "
        "'zero', state_quant: 'Any' = False, output: 'bool' = False, *, graded_spikes_factor: 'Constant' = 1.0, "
        "learn_graded_spikes_factor: 'bool' = False, reset_delay: 'bool' = True) -> 'None'"
    ),
    "AssociativeLeaky": (
        "(in_dim: 'int', d_value: 'int', d_key: 'int', num_spiking_neurons: 'int | None', use_q_projection: 'bool' "
        "= True) -> 'None'"
    ),
    "DeltaLeaky": "(delta_threshold: 'Constant' = 1.0, *args: 'Any', **kwargs: 'Any') -> 'None'",
    "LIF": (
        "(beta: 'Constant', threshold: 'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, surrogate_disable: "
        "'bool' = False, init_hidden: 'bool' = False, inhibition: 'bool' = False, learn_beta: 'bool' = False, "
        "learn_threshold: 'bool' = False, reset_mechanism: 'str' = 'subtract', state_quant: 'Any' = False, output: "
        "'bool' = False, graded_spikes_factor: 'Constant' = 1.0, learn_graded_spikes_factor: 'bool' = False, *, "
        "reset_delay: 'bool' = True) -> 'None'"
    ),
    "Lapicque": (
        "(beta: 'Any' = False, R: 'Any' = False, C: 'Any' = False, time_step: 'Constant' = 1, threshold: "
        "'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, surrogate_disable: 'bool' = False, init_hidden: "
        "'bool' = False, inhibition: 'bool' = False, learn_beta: 'bool' = False, learn_threshold: 'bool' = False, "
        "reset_mechanism: 'str' = 'subtract', state_quant: 'Any' = False, output: 'bool' = False, *, "
        "graded_spikes_factor: 'Constant' = 1.0, learn_graded_spikes_factor: 'bool' = False, reset_delay: 'bool' = "
        "True) -> 'None'"
    ),
    "Leaky": (
        "(beta: 'Constant', threshold: 'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, surrogate_disable: "
        "'bool' = False, init_hidden: 'bool' = False, inhibition: 'bool' = False, learn_beta: 'bool' = False, "
        "learn_threshold: 'bool' = False, reset_mechanism: 'str' = 'subtract', state_quant: 'Any' = False, output: "
        "'bool' = False, graded_spikes_factor: 'Constant' = 1.0, learn_graded_spikes_factor: 'bool' = False, "
        "reset_delay: 'bool' = True) -> 'None'"
    ),
    "LeakyParallel": (
        "(input_size: 'int', hidden_size: 'int', beta: 'Constant | None' = None, bias: 'bool' = True, threshold: "
        "'Constant' = 1.0, dropout: 'float' = 0.0, spike_grad: 'SpikeGrad | None' = None, surrogate_disable: "
        "'bool' = False, learn_beta: 'bool' = False, learn_threshold: 'bool' = False, graded_spikes_factor: "
        "'Constant' = 1.0, learn_graded_spikes_factor: 'bool' = False, weight_hh_enable: 'bool' = False, device: "
        "'Any' = None, dtype: 'torch.dtype | None' = None) -> 'None'"
    ),
    "LinearLeaky": (
        "(beta: 'Constant', in_features: 'int', out_features: 'int', bias: 'bool' = True, device: 'Any' = None, "
        "dtype: 'torch.dtype | None' = None, threshold: 'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, "
        "surrogate_disable: 'bool' = False, learn_beta: 'bool' = False, learn_threshold: 'bool' = False, "
        "state_quant: 'Any' = False, output: 'bool' = True, graded_spikes_factor: 'Constant' = 1.0, "
        "learn_graded_spikes_factor: 'bool' = False, kernel_truncation_steps: 'int | None' = None) -> 'None'"
    ),
    "RLeaky": (
        "(beta: 'Constant', V: 'Constant' = 1.0, all_to_all: 'bool' = True, linear_features: 'int | None' = None, "
        "conv2d_channels: 'int | None' = None, kernel_size: 'int | tuple[int, int] | None' = None, threshold: "
        "'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, surrogate_disable: 'bool' = False, init_hidden: "
        "'bool' = False, inhibition: 'bool' = False, learn_beta: 'bool' = False, learn_threshold: 'bool' = False, "
        "learn_recurrent: 'bool' = True, reset_mechanism: 'str' = 'subtract', state_quant: 'Any' = False, output: "
        "'bool' = False, reset_delay: 'bool' = True, *, graded_spikes_factor: 'Constant' = 1.0, "
        "learn_graded_spikes_factor: 'bool' = False) -> 'None'"
    ),
    "RSynaptic": (
        "(alpha: 'Constant', beta: 'Constant', V: 'Constant' = 1.0, all_to_all: 'bool' = True, linear_features: "
        "'int | None' = None, conv2d_channels: 'int | None' = None, kernel_size: 'int | tuple[int, int] | None' = "
        "None, threshold: 'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, surrogate_disable: 'bool' = "
        "False, init_hidden: 'bool' = False, inhibition: 'bool' = False, learn_alpha: 'bool' = False, learn_beta: "
        "'bool' = False, learn_threshold: 'bool' = False, learn_recurrent: 'bool' = True, reset_mechanism: 'str' = "
        "'subtract', state_quant: 'Any' = False, output: 'bool' = False, reset_delay: 'bool' = True, *, "
        "graded_spikes_factor: 'Constant' = 1.0, learn_graded_spikes_factor: 'bool' = False) -> 'None'"
    ),
    "Recurrent": (
        "(threshold: 'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, surrogate_disable: 'bool' = False, "
        "init_hidden: 'bool' = False, inhibition: 'bool' = False, learn_threshold: 'bool' = False, "
        "reset_mechanism: 'str' = 'subtract', state_quant: 'Any' = False, output: 'bool' = False, "
        "graded_spikes_factor: 'Constant' = 1.0, learn_graded_spikes_factor: 'bool' = False, *, reset_delay: "
        "'bool' = True) -> 'None'"
    ),
    "SConv2dLSTM": (
        "(in_channels: 'int', out_channels: 'int', kernel_size: 'int | tuple[int, int]', bias: 'bool' = True, "
        "max_pool: 'int | tuple[int, int]' = 0, avg_pool: 'int | tuple[int, int]' = 0, threshold: 'Constant' = "
        "1.0, spike_grad: 'SpikeGrad | None' = None, surrogate_disable: 'bool' = False, init_hidden: 'bool' = "
        "False, inhibition: 'bool' = False, learn_threshold: 'bool' = False, reset_mechanism: 'str' = 'none', "
        "state_quant: 'Any' = False, output: 'bool' = False, *, graded_spikes_factor: 'Constant' = 1.0, "
        "learn_graded_spikes_factor: 'bool' = False, reset_delay: 'bool' = True) -> 'None'"
    ),
    "SLSTM": (
        "(input_size: 'int', hidden_size: 'int', bias: 'bool' = True, threshold: 'Constant' = 1.0, spike_grad: "
        "'SpikeGrad | None' = None, surrogate_disable: 'bool' = False, init_hidden: 'bool' = False, inhibition: "
        "'bool' = False, learn_threshold: 'bool' = False, reset_mechanism: 'str' = 'none', state_quant: 'Any' = "
        "False, output: 'bool' = False, *, graded_spikes_factor: 'Constant' = 1.0, learn_graded_spikes_factor: "
        "'bool' = False, reset_delay: 'bool' = True) -> 'None'"
    ),
    "SpikingNeuron": (
        "(threshold: 'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, surrogate_disable: 'bool' = False, "
        "init_hidden: 'bool' = False, inhibition: 'bool' = False, learn_threshold: 'bool' = False, "
        "reset_mechanism: 'str' = 'subtract', state_quant: 'Any' = False, output: 'bool' = False, "
        "graded_spikes_factor: 'Constant' = 1.0, learn_graded_spikes_factor: 'bool' = False, *, reset_delay: "
        "'bool' = True) -> 'None'"
    ),
    "StateLeaky": (
        "(beta: 'Constant', channels: 'int', threshold: 'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, "
        "surrogate_disable: 'bool' = False, learn_beta: 'bool' = False, learn_threshold: 'bool' = False, "
        "state_quant: 'Any' = False, output: 'bool' = True, graded_spikes_factor: 'Constant' = 1.0, "
        "learn_graded_spikes_factor: 'bool' = False, kernel_truncation_steps: 'int | None' = None) -> 'None'"
    ),
    "Synaptic": (
        "(alpha: 'Constant', beta: 'Constant', threshold: 'Constant' = 1.0, spike_grad: 'SpikeGrad | None' = None, "
        "surrogate_disable: 'bool' = False, init_hidden: 'bool' = False, inhibition: 'bool' = False, learn_alpha: "
        "'bool' = False, learn_beta: 'bool' = False, learn_threshold: 'bool' = False, reset_mechanism: 'str' = "
        "'subtract', state_quant: 'Any' = False, output: 'bool' = False, reset_delay: 'bool' = True, *, "
        "graded_spikes_factor: 'Constant' = 1.0, learn_graded_spikes_factor: 'bool' = False) -> 'None'"
    ),
}
