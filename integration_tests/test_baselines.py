"""The linear models of ``snn.baselines`` against scikit-learn's logistic regression."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

import snn


def blobs(distance, samples=600):
    """Three classes in five dimensions, with means at a distance from zero, as sequences of one step."""
    draw = torch.Generator().manual_seed(1)
    labels = torch.arange(samples) % 3
    xs = torch.randn(samples, 5, generator=draw) + distance * torch.eye(3, 5)[labels]
    return 100 + xs.unsqueeze(1) * torch.tensor([1.0, 10, 0.1, 1, 1]), labels


def linear(part):
    """Return accuracy and loss of the linear baseline, trained until it settles on the part that it is validated on."""
    options = {"learning_rates": [0.03], "weight_decays": [0.0], "epochs": 400, "patience": 20, "batch_size": 600}
    record = snn.baselines(part, part, part, parameters=1, progress=False, **options).to_dict()["linear"]
    return record["test"], record["test_loss"]


def logistic(part):
    """Return accuracy and loss of logistic regression, nearly without a penalty."""
    xs, labels = StandardScaler().fit_transform(part[0].flatten(1).numpy()), part[1].numpy()
    model = LogisticRegression(C=1e6, max_iter=10_000).fit(xs, labels)
    return model.score(xs, labels), log_loss(labels, model.predict_proba(xs))


def test_the_linear_model_is_as_good_as_logistic_regression_where_classes_overlap():
    part = blobs(2)
    (accuracy, loss), (expected_accuracy, expected_loss) = linear(part), logistic(part)
    assert 0.7 < expected_accuracy < 0.9
    assert abs(accuracy - expected_accuracy) <= 0.005  # three of 600 samples
    assert loss == pytest.approx(expected_loss, rel=0.002)


def test_the_linear_model_separates_what_logistic_regression_separates():
    part = blobs(20)
    assert logistic(part)[0] == 1
    accuracy, loss = linear(part)
    assert accuracy == 1
    assert loss < 0.01
