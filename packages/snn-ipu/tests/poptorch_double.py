"""A double of PopTorch 3.4: one static graph is captured, and that graph, not the Python behind it, is differentiated.

It keeps the rules of PopTorch's front end that a net can break: no value is read on the host, dimension 0 of every
input is split, an operation must be in the table, buffers are not rebound, training needs a marked loss and a known
optimizer, weights stay on the device until they are fetched. It says nothing about speed, memory, float16, or what
PopART or a device would refuse.
"""

from __future__ import annotations

import contextlib

import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_unflatten

__version__ = "3.4.0-double"

attached = True  # whether an IPU is there
blocks = []  # (user_id, ipu_id) of every block entered


class Error(RuntimeError):
    """The error that PopTorch raises."""


# aten operations that the front end lowers, among those that a captured graph can hold
LOWERED = set(
    """
    abs add addcmul addmm alias amax arange argmax atan avg_pool1d avg_pool2d bernoulli bitwise_and bitwise_not
    bitwise_or bmm cat clamp clamp_max clamp_min clone convolution copy_ cos cumsum detach div elu empty eq erf exp
    expand expm1 full full_like ge gelu gt hardtanh index_select le leaky_relu lift_fresh_copy log log1p logical_and
    logical_not logical_or lt max max_pool2d_with_indices maximum mean minimum mm mul native_batch_norm native_dropout
    native_group_norm native_layer_norm ne neg new_zeros ones ones_like permute pow rand_like randn_like reciprocal relu
    rsub scalar_tensor select sigmoid sign silu sin slice softplus split split_with_sizes sqrt squeeze stack sub sum t
    tanh transpose unbind unsqueeze var view where zeros zeros_like _adaptive_avg_pool2d _log_softmax
    _native_batch_norm_legit_no_training _softmax _to_copy _unsafe_view identity_loss surrogate_spike
    """.split()
)
OPTIMIZERS = ("SGD", "Adam", "AdamW", "RMSprop", "LAMB")


@torch.library.custom_op("snn_poptorch_double::identity_loss", mutates_args=())
def _identity_loss(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


_identity_loss.register_fake(torch.empty_like)
_identity_loss.register_autograd(lambda ctx, grad: grad)


@torch.library.custom_op("snn_poptorch_double::surrogate_spike", mutates_args=())
def _surrogate_spike(u: torch.Tensor, slope: float) -> torch.Tensor:
    return (u > 0).to(u.dtype)


_surrogate_spike.register_fake(lambda u, slope: torch.empty_like(u))
_surrogate_spike.register_autograd(
    lambda ctx, grad: (grad / (1 + ctx.slope * ctx.saved_tensors[0].abs()).square(), None),
    setup_context=lambda ctx, inputs, output: (ctx.save_for_backward(inputs[0]), setattr(ctx, "slope", inputs[1])),
)


@torch.library.custom_op("snn_poptorch_double::detach", mutates_args=())
def _detach(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


_detach.register_fake(torch.empty_like)
_detach.register_autograd(lambda ctx, grad: None)


class _Detaching(TorchFunctionMode):
    """Keeps ``detach`` in a captured graph, of which PyTorch 2.15 would keep an alias with a gradient."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return _detach(*args) if func is torch.Tensor.detach else func(*args, **(kwargs or {}))


def identity_loss(x, reduction):
    assert reduction in ("none", "sum", "mean")
    return _identity_loss(x if reduction == "none" else getattr(x, reduction)())


def custom_op(inputs, name, domain, domain_version, example_outputs, attributes=None):
    """The fast sigmoid of ``SurrogateSpike``, with the gradient that its C++ source would give the graph."""
    assert (name, domain, domain_version, attributes["kind"]) == ("SurrogateSpike", "snn.ops", 1, 0)
    assert [o.shape for o in example_outputs] == [i.shape for i in inputs]
    return [_surrogate_spike(inputs[0], attributes["slope"])]


def ipuHardwareIsAvailable(num_ipus=1):
    return attached


@contextlib.contextmanager
def Block(user_id=None, ipu_id=None):
    blocks.append((user_id, ipu_id))
    yield


class _TrainingOptions:
    def __init__(self):
        self.gradient_accumulation = 1

    def gradientAccumulation(self, gradient_accumulation):
        self.gradient_accumulation = gradient_accumulation
        return self


class Options:
    def __init__(self):
        self.set = {"device_iterations": 1, "replication_factor": 1}
        self.Training = _TrainingOptions()

    def _with(self, **values):
        self.set.update(values)
        return self

    def deviceIterations(self, device_iterations):
        return self._with(device_iterations=device_iterations)

    def replicationFactor(self, replication_factor):
        return self._with(replication_factor=replication_factor)

    def useIpuModel(self, use_model):
        return self._with(use_model=use_model)

    def useOfflineIpuTarget(self, ipu_version=2):
        return self._with(offline=ipu_version)

    def enableExecutableCaching(self, path):
        return self._with(cache=path)


def trainingModel(model, options=None, optimizer=None):
    if type(optimizer).__name__ not in OPTIMIZERS:
        raise Error(f"Unsupported optimizer type {type(optimizer)}")
    return PoplarExecutor(model, options, True, optimizer=optimizer)


def inferenceModel(model, options=None):
    return PoplarExecutor(model, options, False)


class PoplarExecutor:
    def __init__(self, model, options, training, poptorch_version=None, optimizer=None):
        self.model, self.options, self.training = model, options or Options(), training
        self._optimizer, self._graph = optimizer, None

    def __call__(self, *inputs):
        if "offline" in self.options.set:
            raise Error("Trying to run a model on an offline device")
        inputs = [_as_on_device(x) for x in inputs]
        accumulated = self.options.Training.gradient_accumulation * self.options.set["replication_factor"]
        split = accumulated * self.options.set["device_iterations"]
        for position, x in enumerate(inputs):
            if x.shape[0] % split:
                raise Error(f"Input[{position}]: batch dimension {x.shape[0]} is not divisible by {split}")
        parts = list(zip(*(x.chunk(split) for x in inputs)))
        self.compile(*inputs)
        results = []
        for start in range(0, split, accumulated):
            results += self._step(parts[start : start + accumulated])
        if self.training:
            return tree_unflatten(results[-1], self._structure)
        return tree_unflatten([torch.cat(column) for column in zip(*results)], self._structure)

    def compile(self, *inputs):
        if self._graph is not None:
            return
        accumulated = self.options.Training.gradient_accumulation * self.options.set["replication_factor"]
        split = accumulated * self.options.set["device_iterations"]
        self._capture([_as_on_device(x).chunk(split)[0] for x in inputs])
        self.copyWeightsToDevice()

    def copyWeightsToDevice(self):
        held = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        self._device = {name: _as_on_device(t.detach().clone()) for name, t in held.items()}
        for name, p in self.model.named_parameters():
            self._device[name].requires_grad_(p.requires_grad)
        if self._optimizer is not None:
            names = {id(p): name for name, p in self.model.named_parameters()}
            groups = [
                {**g, "params": [self._device[names[id(p)]] for p in g["params"]]} for g in self._optimizer.param_groups
            ]
            self._on_device = type(self._optimizer)(groups)

    def copyWeightsToHost(self):
        assert self._graph is not None, "your model has not been compiled"
        held = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        with torch.no_grad():
            for name, tensor in held.items():
                tensor.copy_(self._device[name])

    def _capture(self, inputs):
        model = _Watched(self.model)
        held = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        weights = {name: _as_on_device(t.detach().clone()) for name, t in held.items()}

        def run(weights, *inputs):
            with _Detaching():
                flat, self._structure = tree_flatten(torch.func.functional_call(model, weights, inputs))
            return flat

        try:
            graph = make_fx(run, tracing_mode="fake")(weights, *inputs)
        except (DataDependentOutputException, GuardOnDataDependentSymNode) as error:
            raise Error("Could not run 'aten::_local_scalar_dense' with arguments from the 'Meta' backend") from error
        except DynamicOutputShapeException as error:
            raise Error(f"the shape of the output of {error.func} depends on values") from error
        called = [node.target.name().split("::")[1].split(".")[0] for node in _operations(graph)]
        for name in called:
            if name not in LOWERED:
                raise Error(f"Could not find a lowering for aten::{name}")
        if self.training and "identity_loss" not in called:
            raise Error("Couldn't find a loss in graph!")
        self._graph = graph

    def _step(self, parts):
        if not self.training:
            with torch.no_grad():
                return [self._graph(self._by_name(), *part) for part in parts]
        self._on_device.zero_grad()
        results = []
        for part in parts:
            out = self._graph(self._by_name(), *part)
            marked = out[-1]  # the loss is the last output of the programs under test
            if marked.requires_grad:  # a loss that is detached from every weight trains nothing, and nobody complains
                (marked / len(parts)).backward()
            results.append([o.detach() for o in out])
        self._on_device.step()
        return results

    def _by_name(self):
        return {f"model.{name}": tensor for name, tensor in self._device.items()}


class _Watched(nn.Module):
    """Runs a model and sees whether it rebinds a buffer."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        before = dict(self.model.named_buffers())
        out = self.model(*inputs)
        for name, buffer in self.model.named_buffers():
            if buffer is not before.get(name):
                raise Error(f"Buffer {name} is reassigned within the model when running on the IPU")
        return out


def _operations(graph):
    return [n for n in graph.graph.nodes if n.op == "call_function" and isinstance(n.target, torch._ops.OpOverload)]


def _as_on_device(x):
    if x.dtype == torch.bfloat16:
        raise Error("bfloat16 is not supported")
    return x.to({torch.float64: torch.float32, torch.int64: torch.int32}.get(x.dtype, x.dtype))
