"""Networks to convert."""

import torch
from torch import nn
from torch.nn import functional as F


def randomize(net, seed=0):
    """Give a network weights and running statistics as of one that was trained."""
    draw = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for value, low, high in (
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 2.0),
                *(() if module.weight is None else ((module.weight.data, 0.5, 1.5), (module.bias.data, -0.1, 0.3))),
            ):
                value.copy_(torch.empty(value.shape, dtype=torch.float64).uniform_(low, high, generator=draw))
        elif isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            bound = (2 / module.weight[0].numel()) ** 0.5
            for value in filter(lambda v: v is not None, (module.weight, module.bias)):
                value.data.copy_(torch.empty(value.shape, dtype=torch.float64).normal_(0, bound, generator=draw))
    return net


class Residual(nn.Module):
    """A block with a sum, one ReLU called twice, and all else by functions."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.norm(self.second(self.relu(self.first(x))))
        out += x
        return self.relu(out)


class Own(nn.Module):
    """A forward of functions around nested Sequentials and blocks."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)), nn.ReLU())
        self.blocks = nn.Sequential(Residual(), nn.Sequential(Residual()))
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        x = F.max_pool2d(self.blocks(self.stem(x)), 3, stride=2, padding=1)
        x = F.dropout(F.avg_pool2d(x, 2, 1), 0.5, training=self.training)
        return self.head(x.view(x.size(0), -1))


def own():
    return randomize(Own()), torch.rand(21, 2, 7, 7, generator=torch.Generator().manual_seed(1))


def dense(seed=0):
    layers = nn.Linear(7, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(0.5), nn.Linear(9, 5, bias=False), nn.ReLU()
    net = randomize(nn.Sequential(*layers, nn.Linear(5, 3)), seed)
    return net, torch.rand(50, 7, generator=torch.Generator().manual_seed(seed + 1))


def convolutional():
    pools = nn.MaxPool1d(2), nn.AvgPool1d(3, 2, padding=1)
    first = nn.Conv1d(2, 5, 3), nn.ReLU(), pools[0], nn.Conv1d(5, 4, 3, padding=1, groups=1), nn.BatchNorm1d(4)
    net = randomize(nn.Sequential(*first, nn.ReLU(), pools[1], nn.Flatten(), nn.Linear(12, 3)))
    return net, torch.rand(30, 2, 13, generator=torch.Generator().manual_seed(3))


NETS = {"dense": dense, "convolutional": convolutional, "own": own}
