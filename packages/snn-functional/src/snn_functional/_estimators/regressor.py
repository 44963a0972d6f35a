"""The spiking regressor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from snn_functional._estimators.scikit_learn import Regressor, validate_data
from snn_functional._estimators.spiking import DTYPES, Spiking


class SpikingRegressor(Regressor, Spiking):
    """Spiking regressor for scikit-learn: the mean over the steps of a linear layer behind spiking ones.

    It is trained by the squared error of targets with mean 0 and variance 1; the given targets are scaled to that, and
    predictions back. There may be several targets. The parameters are those of
    :class:`~snn_functional.sklearn.SpikingClassifier`.

    Attributes:
        net_: The trained net.
        history_: The epochs: a table when printed, data by ``to_dict()``.

    Example:
        >>> import numpy as np
        >>> from snn_functional.sklearn import SpikingRegressor
        >>> X = np.linspace(-2, 2, 101)[:, None]
        >>> spiking = SpikingRegressor(random_state=0).fit(X, X[:, 0] ** 2)
        >>> bool(spiking.score(X, X[:, 0] ** 2) > 0.9)
        True
    """

    _counts = False

    def fit(self, X: Any, y: Any) -> SpikingRegressor:
        """Train a new net on samples ``[n_samples, n_features]`` and targets ``[n_samples]`` or ``[n_samples, k]``."""
        X, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True, y_numeric=True)
        targets = torch.tensor(y).double()
        self._center, spread = targets.mean(0), targets.std(0, correction=0)
        self._scale = torch.where(spread > 0, spread, 1.0)
        scaled = (targets - self._center) / self._scale
        self._shape = scaled.shape[1:]
        self._train(X, scaled.reshape(len(X), -1), self._shape.numel(), _squared_error)
        return self

    def predict(self, X: Any) -> Any:
        """Return the target of each sample, ``[n_samples]`` or ``[n_samples, k]``."""
        answers = self._predicted(X)
        return (answers.reshape(-1, *self._shape) * self._scale + self._center).numpy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _squared_error(answers: Tensor, targets: Tensor) -> Tensor:
    return mse_loss(answers, targets.to(answers.dtype))
