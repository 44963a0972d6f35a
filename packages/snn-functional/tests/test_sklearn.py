"""The estimators in scikit-learn's own tools, against other ways to compute the same, and what they refuse."""

import pickle
import subprocess
import sys
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_wine, make_moons
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from torch import nn

import snn_core as snn
import snn_functional as SF
from snn_functional.sklearn import SpikingClassifier, SpikingRegressor

BOTH = (SpikingClassifier, SpikingRegressor)
DRAW = np.random.RandomState(3)
X = DRAW.normal(size=(41, 5))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)  # three classes, and three numbers
SHORT = partial(SpikingClassifier, hidden_layer_sizes=(7,), num_steps=5, epochs=3, random_state=0)


def wave(samples, seed):
    """Samples of sin(2 a) b, which a line explains badly."""
    x = np.random.RandomState(seed).uniform(-1, 1, (samples, 2))
    return x, np.sin(2 * x[:, 0]) * x[:, 1]


@pytest.mark.parametrize("estimator", BOTH)
def test_it_passes_the_checks_of_scikit_learn(estimator):
    results = check_estimator(estimator(epochs=40), on_fail=None, on_skip=None)
    other = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    skipped = {"check_array_api_input"}  # it runs only if SciPy is set to other kinds of arrays
    if find_spec("pandas") is None:  # it comes with other packages' extras
        skipped |= {"check_classifier_data_not_an_array", "check_regressor_data_not_an_array"}
    assert other.keys() <= skipped, other
    assert len(results) > 40


def test_it_separates_moons_better_than_a_line():
    (train, labels), (test, expected) = (make_moons(300, noise=0.2, random_state=seed) for seed in (0, 1))
    scores = {
        type(estimator): make_pipeline(StandardScaler(), estimator).fit(train, labels).score(test, expected)
        for estimator in (SpikingClassifier(random_state=0), LogisticRegression())
    }
    assert scores[LogisticRegression] < 0.9
    assert scores[SpikingClassifier] > 0.94


def test_it_fits_a_function_that_a_line_does_not():
    data, test = wave(400, 0), wave(300, 1)
    assert LinearRegression().fit(*data).score(*test) < 0.1
    assert SpikingRegressor(random_state=0).fit(*data).score(*test) > 0.9


def test_a_pipeline_is_searched_over_neurons_and_decays_in_two_processes():
    x, y = load_wine(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), SpikingClassifier((16,), epochs=20, random_state=0))
    grid = {"neuron": ["Leaky", partial(snn.Synaptic, alpha=0.5)], "beta": [0.5, 0.9]}
    grid = {f"spikingclassifier__{name}": values for name, values in grid.items()}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(x, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_score_ > 0.93
    assert search.best_estimator_.predict(x).shape == y.shape


def test_cross_validation_of_the_wines_is_right_in_nine_of_ten():
    scores = cross_val_score(
        make_pipeline(StandardScaler(), SpikingClassifier(random_state=0)), *load_wine(return_X_y=True)
    )
    assert scores.min() > 0.9


@pytest.mark.parametrize("estimator", BOTH)
def test_the_same_seed_gives_the_same_predictions_after_pickle_and_clone_too(estimator):
    fitted = estimator((7,), num_steps=5, epochs=3, random_state=5).fit(X, Y)
    predictions = fitted._predicted(X).numpy()
    for other in (pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(X, Y)):
        assert np.array_equal(other._predicted(X).numpy(), predictions)
    assert not np.array_equal(clone(fitted).set_params(random_state=6).fit(X, Y)._predicted(X).numpy(), predictions)


def test_the_random_numbers_of_pytorch_go_on_as_if_nothing_was_drawn():
    before = torch.get_rng_state()
    SHORT(encode=lambda x: torch.bernoulli(x.sigmoid().expand(5, *x.shape))).fit(X, Y).predict(X)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_seed_each_training_differs():
    first, second = (SHORT(random_state=None).fit(X, Y) for _ in range(2))
    assert not np.array_equal(first.predict_proba(X), second.predict_proba(X))


def test_probabilities_are_the_softmax_of_the_spikes_counted_in_a_loop():
    spiking = SHORT().fit(X, Y)
    x = torch.tensor(X)
    snn.utils.reset(spiking.net_)
    with torch.no_grad():
        counts = sum(spiking.net_(x) for _ in range(5))
    assert set(counts.unique().tolist()) <= {0, 1, 2, 3, 4, 5}
    assert np.allclose(spiking.predict_proba(X), counts.double().softmax(1).numpy(), atol=1e-12)
    assert np.array_equal(spiking.predict(X), counts.argmax(1).numpy())


def test_it_trains_as_fit_does():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(5, 7), snn.Leaky(0.9, init_hidden=True), nn.Linear(7, 3), snn.Leaky(0.9, init_hidden=True)
    )
    spiking = SHORT(net=net, lr=1e-3, validation_fraction=0).fit(X, Y)
    data = torch.tensor(X, dtype=torch.float32), torch.tensor(Y)
    history = SF.fit(net, data, data, SF.ce_count_loss(), num_steps=5, epochs=3, progress=False)
    ours, expected = spiking.history_.to_dict(), history.to_dict()
    for name in ("train_loss", "valid_loss", "metric"):
        assert ours[name] == pytest.approx(expected[name], rel=1e-5)


def test_the_net_that_is_passed_stays_as_it_is():
    net = nn.Sequential(nn.Linear(5, 3), snn.Leaky(0.9, init_hidden=True, output=True))  # it returns a tuple
    before = net[0].weight.clone()
    spiking = SHORT(net=net).fit(X, Y)
    assert torch.equal(net[0].weight, before)
    assert not torch.equal(spiking.net_[0].weight, before)


def test_a_function_that_makes_the_net_gets_the_numbers_of_features_and_outputs():
    numbers = []

    def make(inputs, outputs):
        numbers.append((inputs, outputs))
        return nn.Sequential(nn.Linear(inputs, outputs), snn.Leaky(0.9, init_hidden=True))

    SHORT(net=make).fit(X, Y)
    SpikingRegressor(net=make, epochs=1).fit(X, np.stack([Y, Y], 1))
    assert numbers == [(5, 3), (5, 2)]


def test_layers_are_those_of_the_parameters():
    net = SHORT(hidden_layer_sizes=(7, 4), neuron=partial(snn.Synaptic, alpha=0.5), beta=0.75).fit(X, Y).net_
    assert [tuple(layer.weight.shape) for layer in net[::2]] == [(7, 5), (4, 7), (3, 4)]
    assert {(type(layer), float(layer.alpha), float(layer.beta)) for layer in net[1::2]} == {(snn.Synaptic, 0.5, 0.75)}
    assert [type(layer) for layer in SpikingRegressor(6, epochs=1).fit(X, Y).net_] == [nn.Linear, snn.Leaky, nn.Linear]


def test_a_constant_current_is_the_encoder_that_repeats_the_features():
    repeated = SHORT(encode=lambda x: x.repeat(5, 1, 1), num_steps=None).fit(X, Y)
    assert np.array_equal(repeated.predict_proba(X), SHORT().fit(X, Y).predict_proba(X))


def test_random_spikes_are_the_same_in_each_prediction_and_others_in_each_epoch():
    inputs = []

    def encode(x):
        inputs.append(torch.bernoulli(x.sigmoid().expand(5, *x.shape)))
        return inputs[-1]

    spiking = SHORT(encode=encode, validation_fraction=0).fit(X, Y)
    assert not torch.equal(inputs[-1], inputs[-2])
    assert np.array_equal(spiking.predict_proba(X), spiking.predict_proba(X))


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_the_validation_part_has_its_share_of_each_class(fraction):
    parts = []
    labels = np.repeat([0, 1, 2], [40, 60, 100])
    x = np.stack([labels, np.arange(200)], 1).astype(float)
    SHORT(encode=lambda x: parts.append(x) or x[None], validation_fraction=fraction, batch_size=200).fit(x, labels)
    valid, train = parts[:2]  # a batch to validate with comes first
    assert sorted(torch.cat([valid, train])[:, 1].tolist()) == list(range(200))
    assert valid[:, 0].long().bincount().tolist() == [round(fraction * number) for number in (40, 60, 100)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_net_computes_in_the_precision_of_the_features(dtype):
    spiking = SHORT().fit(X.astype(dtype), Y)
    assert {weight.dtype for weight in spiking.net_.parameters()} == {getattr(torch, dtype)}
    own = SpikingRegressor(net=nn.Linear(5, 1), epochs=1).fit(X.astype(dtype), Y)
    assert own.net_.weight.dtype == torch.float32  # that of a net of one's own stays
    assert own.predict(X.astype(dtype)).dtype == "float64"


def test_targets_in_another_unit_give_the_same_predictions_in_that_unit():
    x, y = wave(50, 0)
    targets = np.stack([y, 2.0**20 * y, 0 * y + 3], 1)
    first = SpikingRegressor(epochs=5, random_state=0).fit(x, targets)
    second = SpikingRegressor(epochs=5, random_state=0).fit(x, targets * [4, 0.25, 1])
    assert np.array_equal(first.predict(x) * [4, 0.25, 1], second.predict(x))
    assert np.ptp(first.predict(x)[:, 1]) > 2.0**16


def test_integers_of_numpy_are_integers():
    plain = SHORT().fit(X, Y).predict_proba(X)
    numbers = {"num_steps": np.int64(5), "epochs": np.int32(3), "patience": np.int64(10), "batch_size": np.int64(64)}
    assert np.array_equal(SHORT(hidden_layer_sizes=(np.int64(7),), **numbers).fit(X, Y).predict_proba(X), plain)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"neuron": "IF"},
            ValueError,
            r"^SpikingClassifier.fit: neuron is 'IF'; .*Leaky\(beta=1\.0\) integrates",
        ),
        ({"neuron": "Leeky"}, ValueError, "neuron is 'Leeky'; module 'snn_core' has no attribute 'Leeky'"),
        ({"neuron": 3}, TypeError, "neuron must be the name of a neuron, its class, or what makes one, got 3"),
        ({"neuron": lambda **_: nn.ReLU()}, TypeError, "neuron must be the name of a neuron, .* got <function"),
        ({"hidden_layer_sizes": (7, 0)}, ValueError, "hidden_layer_sizes must be at least 1, got 0"),
        ({"hidden_layer_sizes": 2.5}, TypeError, "hidden_layer_sizes must be an int, got 2.5"),
        ({"num_steps": 0}, ValueError, "num_steps must be at least 1, got 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"patience": True}, TypeError, "patience must be a positive int, got True"),
        ({"validation_fraction": 1.5}, ValueError, r"validation_fraction must be in \[0, 1\], got 1\.5"),
        (
            {"validation_fraction": 1},
            ValueError,
            "n_samples=41 with validation_fraction=1.* leaves none to train with",
        ),
        ({"net": nn.Linear(5, 4)}, ValueError, r"net must return \[batch, 3\] in a step, an output .*, got \[8, 4\]"),
        ({"encode": lambda x: x}, ValueError, r"data of valid must have shape .* got \(8, 5\)"),
    ],
)
def test_a_wrong_parameter_is_named(options, error, message):
    with pytest.raises(error, match=message):
        SHORT().set_params(**options).fit(X, Y)


def test_only_an_estimator_imports_scikit_learn():
    listing = "import sys, snn_functional as SF\nSF.fit, dir(SF.sklearn)\nprint('sklearn' in sys.modules)"
    program = f"{listing}\nSF.sklearn.SpikingClassifier()\nprint('sklearn' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert process.stdout.split() == ["False", "True"], process.stderr


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("snn_functional._estimators")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"not installed\. Fix: pip install 'snn-functional\[sklearn\]'$"):
        _ = SF.sklearn.SpikingRegressor


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'snn_functional\.sklearn' has no attribute 'Classifier'"):
        _ = SF.sklearn.Classifier
