"""The spiking classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from snn_functional._estimators.scikit_learn import (
    Classifier,
    LabelEncoder,
    check_classification_targets,
    validate_data,
)
from snn_functional._estimators.spiking import DTYPES, Spiking


class SpikingClassifier(Classifier, Spiking):
    """Spiking classifier for scikit-learn: the class whose neuron fires most.

    The net has linear layers with neurons behind each, one neuron for each class at the end, and is trained by the
    cross entropy of the spike counts. Scale the features, as for other nets: put a ``StandardScaler`` before it in a
    ``Pipeline``. The net computes in float64 for features in float64, which makes predictions the same however many
    are made at once, and in float32 for those in float32. PyTorch's own random numbers go on as if none was drawn.

    Args:
        hidden_layer_sizes: Number of neurons of each hidden layer.
        neuron: Name of a neuron of snn_core, or a class or function that is called with ``beta=beta,
            init_hidden=True``, such as ``partial(snn.Synaptic, alpha=0.8)``.
        beta: Membrane decay per step, in [0, 1]; None leaves it out, for neurons without one.
        num_steps: Number of steps for which to show the features, as a constant current.
        encode: A function of features ``[batch, n_features]`` that returns the input ``[T, batch, n_features]`` in
            place of that current, such as an encoder of snn-spikegen for features in [0, 1].
        net: A net in place of these layers: a module, which is copied, or a function of the number of features and
            the number of outputs. It takes ``[batch, n_features]`` in a step and returns spikes ``[batch, outputs]``.
        lr: Learning rate of ``Adam``.
        epochs: Greatest number of epochs.
        patience: Number of epochs without a lower validation loss after which to stop; None never stops.
        batch_size: Number of samples in a batch.
        validation_fraction: Share of the samples to validate with, about the same of each class or range of targets.
            The net with the lowest validation loss is kept. With 0, the training samples validate too.
        random_state: Seed of the validation part, the weights, the order of samples and random spikes: an int, a
            ``RandomState`` of NumPy, or None for another one in each ``fit``.

    Attributes:
        classes_: The labels, sorted.
        net_: The trained net.
        history_: The epochs: a table when printed, data by ``to_dict()``.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from snn_functional.sklearn import SpikingClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> spiking = SpikingClassifier((32,), random_state=0).fit(X - X.mean(0), y)
        >>> bool(spiking.score(X - X.mean(0), y) > 0.9)
        True
    """

    _counts = True

    def fit(self, X: Any, y: Any) -> SpikingClassifier:
        """Train a new net on samples ``[n_samples, n_features]`` and their labels, numbers or strings."""
        X, y = validate_data(self, X, y, dtype=DTYPES)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_: Any = encoder.classes_
        self._train(X, torch.tensor(encoder.transform(y)), len(self.classes_), cross_entropy)
        return self

    def predict(self, X: Any) -> Any:
        """Return the label of each sample."""
        counts = self._predicted(X).numpy()  # the argmax of NumPy is the first of several
        return self.classes_[counts.argmax(1)]

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities of the classes, ``[n_samples, n_classes]``: the softmax of the spike counts."""
        return self._predicted(X).softmax(1).numpy()
