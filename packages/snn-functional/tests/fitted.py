"""A small task for ``fit``: the net, its data, and a training run in a process of its own."""

import torch
from torch import nn

import snn_core as snn
import snn_functional as SF

STEPS = 7


def make_net(seed=0, output=False):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(5, 11),
        snn.Leaky(beta=0.9, threshold=0.5, learn_beta=True, init_hidden=True),
        nn.Dropout(0.3),
        nn.Linear(11, 3),
        snn.Leaky(beta=0.8, threshold=0.5, init_hidden=True, output=output),
    )


def still(seed, samples=37):
    """Data without time, ``[samples, 5]``, of three classes that differ in their means."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(samples) % 3
    means = torch.tensor([[1.0, 0, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 1, 1]])
    return means[labels] + 0.4 * torch.randn(samples, 5, generator=draw), labels


TRAIN, VALID = still(1), still(2, 13)


def fitted(net=None, train=TRAIN, valid=VALID, loss=None, **options):
    """Return a net and the history of its training."""
    net = make_net() if net is None else net
    options = {"num_steps": STEPS, "epochs": 4, "batch_size": 8, "progress": False} | options
    return net, SF.fit(net, train, valid, SF.ce_count_loss() if loss is None else loss, **options)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.state_dict().values()])


def columns(history):
    """The history without times."""
    return {name: values for name, values in history.to_dict().items() if name != "seconds"}


def plateau(optimizer):
    return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)


def fit_until_killed(folder, begun):
    """Say when the first epoch of this process has ended, and train until the process is killed."""

    def tell(record):
        if not begun.closed:
            begun.send(record["epoch"])
            begun.close()

    fitted(epochs=100_000, folder=folder, scheduler=plateau, callbacks=[tell])
