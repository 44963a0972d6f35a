"""Parameters, net, training and answers of both estimators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from itertools import pairwise
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

import snn_core
from snn_functional._estimators.scikit_learn import Estimator, check_is_fitted, check_random_state, validate_data
from snn_functional._fit import History, fit
from snn_functional._messages import fault, must
from snn_functional._numbers import share, whole

DTYPES = ("float64", "float32")  # those of samples, and so of a net; others become the first
_AT_ONCE = 1024  # samples, in a prediction


class Spiking(Estimator):
    """A net that ``fit`` trains: with the loss of a subclass, on samples without time.

    ``_counts`` says whether the last layer fires and its spikes are counted; else the mean of its outputs is taken.
    """

    _counts: bool

    def __init__(
        self,
        hidden_layer_sizes: int | tuple[int, ...] = (64,),
        *,
        neuron: str | Callable[..., nn.Module] = "Leaky",
        beta: float | None = 0.9,
        num_steps: int = 10,
        encode: Callable[[Tensor], Tensor] | None = None,
        net: nn.Module | Callable[[int, int], nn.Module] | None = None,
        lr: float = 5e-3,
        epochs: int = 100,
        patience: int | None = 10,
        batch_size: int = 64,
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.neuron = neuron
        self.beta = beta
        self.num_steps = num_steps
        self.encode = encode
        self.net = net
        self.lr = lr
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def _train(self, X: Any, targets: Tensor, outputs: int, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Train a new net with a number of outputs on samples and targets ``[n_samples]`` or ``[n_samples, k]``."""
        x = torch.tensor(X)
        self._outputs = outputs
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with _seeded(self._seed):
            train, valid = _parts(targets, share("validation_fraction", self.validation_fraction))
            net = self._new_net(x)
            self.history_: History = fit(
                net,
                self._batches(net, x[train], targets[train], torch.Generator().manual_seed(self._seed)),
                self._batches(net, x[valid], targets[valid], None),
                lambda recording, batch: loss(self._answers(recording), batch),
                epochs=_plain(self.epochs),
                patience=_plain(self.patience),
                optimizer=partial(torch.optim.Adam, lr=self.lr),
                progress=False,
            )
        self.net_: nn.Module = net

    def _new_net(self, x: Tensor) -> nn.Module:
        if isinstance(self.net, nn.Module):
            return deepcopy(self.net)
        if self.net is not None:
            return self.net(x.shape[1], self._outputs)
        hidden: Any = self.hidden_layer_sizes
        hidden = hidden if isinstance(hidden, Iterable) else [hidden]
        sizes = [x.shape[1], *(whole("hidden_layer_sizes", _plain(size), least=1) for size in hidden), self._outputs]
        layers = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), self._new_neuron())]
        return nn.Sequential(*(layers if self._counts else layers[:-1])).to(x.dtype)

    def _new_neuron(self) -> nn.Module:
        make: Any = self.neuron
        if isinstance(make, str):
            try:
                make = getattr(snn_core, make)
            except AttributeError as error:
                raise ValueError(fault(f"neuron is {self.neuron!r}; {error}")) from None
        decay = {} if self.beta is None else {"beta": self.beta}
        layer = make(init_hidden=True, **decay) if callable(make) else None
        if not isinstance(layer, snn_core.SpikingNeuron):
            raise TypeError(must("neuron", "be the name of a neuron, its class, or what makes one", repr(self.neuron)))
        return layer

    def _batches(self, net: nn.Module, x: Tensor, y: Tensor, order: torch.Generator | None) -> DataLoader[Any]:
        size = whole("batch_size", _plain(self.batch_size), least=1)
        samples = TensorDataset(x, y)
        sampler = SequentialSampler(samples) if order is None else RandomSampler(samples, generator=order)
        return DataLoader(
            samples,
            sampler=BatchSampler(sampler, size, False),
            batch_size=None,
            collate_fn=lambda batch: (self._over_time(net, batch[0]), batch[1]),
        )

    def _over_time(self, net: nn.Module, x: Tensor) -> Tensor:
        """Return what a net sees of samples ``[batch, features]``, with time as the first axis."""
        weight = next(net.parameters())
        if self.encode is not None:
            return self.encode(x).to(weight)
        return x.to(weight).expand(whole("num_steps", _plain(self.num_steps), least=1), *x.shape)

    def _answers(self, recording: Any) -> Tensor:
        """Return the answers ``[batch, outputs]`` of what the net returned over time."""
        outputs = recording[0] if isinstance(recording, tuple) else recording
        if outputs.dim() != 3 or outputs.shape[2] != self._outputs:
            raise ValueError(
                must(
                    "net",
                    f"return [batch, {self._outputs}] in a step, an output for each class or target",
                    list(outputs.shape[1:]),
                )
            )
        return outputs.sum(0) if self._counts else outputs.mean(0)

    def _predicted(self, X: Any) -> Tensor:
        """Return the answers for samples ``[n_samples, n_features]``, in float64."""
        check_is_fitted(self)
        x = torch.tensor(validate_data(self, X, reset=False, dtype=DTYPES))
        with torch.no_grad(), _seeded(self._seed):
            parts = [snn_core.unroll(self.net_, self._over_time(self.net_, part)) for part in x.split(_AT_ONCE)]
            return torch.cat([self._answers(part).double().cpu() for part in parts])


def _parts(targets: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Return the indices of the samples to train and to validate with; both have targets of the whole range."""
    order = torch.randperm(len(targets))
    order = order[targets.reshape(len(targets), -1)[order, 0].argsort(stable=True)]
    if not fraction:
        return order, order
    number = max(1, round(fraction * len(order)))
    if number == len(order):
        raise ValueError(
            fault(
                f"n_samples={number} with validation_fraction={fraction} leaves none to train with",
                "pass more samples, or validation_fraction=0",
            )
        )
    places = (torch.arange(number) + torch.rand((), dtype=torch.float64)) * len(order) / number
    valid = torch.zeros(len(order), dtype=torch.bool).index_fill(0, places.long(), True)
    return order[~valid], order[valid]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw PyTorch's random numbers from a seed; afterwards they go on as before."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def _plain(number: Any) -> Any:
    """Return an integer of NumPy, as in a grid of parameters, as one of Python."""
    return int(number) if isinstance(number, Integral) and not isinstance(number, bool) else number
