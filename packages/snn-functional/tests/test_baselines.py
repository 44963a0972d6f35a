"""``baselines`` against counts by hand, formulas and tasks whose answer is known."""

import json
from math import log

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import snn_functional as SF
from snn_functional._baselines.models import GRU, Convolution
from snn_functional._baselines.parts import _features, read_parts

SMALL = {"epochs": 4, "learning_rates": [0.01], "weight_decays": [0.0], "progress": False, "batch_size": 16}
NAMES = ["majority", "linear", "linear on features", "GRU", "convolution"]


def spikes(seed, samples=41, steps=7, values=3):
    """Spikes ``[samples, steps, values]`` of three classes, each of which has its own value that fires more."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(samples) % 3
    rates = 0.2 + 0.4 * torch.eye(3, values)[labels].unsqueeze(1)
    return (torch.rand(samples, steps, values, generator=draw) < rates).float(), labels


PARTS = [spikes(1), spikes(2, 23), spikes(3, 17)]


def records(*parts, **options):
    """The records of the models without their times."""
    results = SF.baselines(*(parts or PARTS), **SMALL | {"parameters": 300} | options).to_dict()
    return {name: {key: value for key, value in record.items() if key != "seconds"} for name, record in results.items()}


def test_the_majority_is_the_most_frequent_class_of_the_training_part():
    labels = [torch.tensor(values) for values in ([0, 1, 1, 2, 1], [1, 0, 0, 2], [2, 1, 1, 0, 0, 0, 1])]
    majority = records(*((torch.ones(len(part), 3, 2), part) for part in labels))["majority"]
    assert majority["valid"] == 1 / 4
    assert majority["test"] == pytest.approx(3 / 7)
    frequencies = {0: 1 / 5, 1: 3 / 5, 2: 1 / 5}
    expected = -sum(log(frequencies[label]) for label in labels[2].tolist()) / 7
    assert majority["test_loss"] == pytest.approx(expected, rel=1e-5)
    assert majority["parameters"] == 0
    assert majority["learning_rate"] is majority["epoch"] is None


def in_order(seed, samples, steps=20, pairs=3):
    """Pairs of spikes, one right after the other; the class says which of two values is first, and nothing else does.

    The pairs are anywhere on a circle of steps, so that each step is as likely for either value, and both values have
    the same sum, and fire in the first and the last step.
    """
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(samples) % 2
    first = torch.randint(steps, (samples, pairs), generator=draw)
    of_first, of_second = (nn.functional.one_hot(times % steps, steps).sum(1) for times in (first, first + 1))
    flipped = labels.bool().unsqueeze(1)
    xs = torch.stack([of_first.where(flipped, of_second), of_second.where(flipped, of_first)], 2).float()
    xs[:, [0, -1]] += 1
    return xs, labels


def test_only_nets_with_time_see_the_order_of_spikes():
    parts = [in_order(seed, samples) for seed, samples in enumerate((600, 200, 200))]
    assert all((xs.sum(1) == 5).all() for xs, _ in parts)
    results = records(*parts, epochs=12, parameters=2000)
    chance = 0.5 + 4 * (0.25 / 200) ** 0.5  # four standard deviations of a guess
    for name in ("linear", "linear on features"):
        assert results[name]["test"] < chance
    for name in ("GRU", "convolution"):
        assert results[name]["test"] > 0.95


@pytest.mark.parametrize(("steps", "layers"), [(1, 1), (5, 1), (6, 2), (21, 2), (22, 3)])
def test_the_numbers_of_parameters_are_those_of_the_formulas(steps, layers):
    values, classes, budget = 4, 3, 1000
    taps = 1 if steps == 1 else 5

    def gru(hidden):
        return 3 * hidden * (values + hidden + 2) + classes * (hidden + 1)

    def convolution(hidden):
        first = hidden * (values * taps + 1)
        return first + (layers - 1) * hidden * (hidden * taps + 1) + classes * (hidden + 1)

    results = records(*(spikes(seed, 9, steps, values) for seed in range(3)), parameters=budget, epochs=1)
    assert results["linear"]["parameters"] == classes * (steps * values + 1)
    assert results["linear on features"]["parameters"] == classes * (4 * values + 1)
    for name, number in (("GRU", gru), ("convolution", convolution)):
        hidden = results[name]["hidden"]
        assert results[name]["parameters"] == number(hidden) <= budget < number(hidden + 1)


@pytest.mark.parametrize(("steps", "taps", "layers"), [(1, 1, 1), (5, 5, 1), (22, 5, 3)])
def test_the_numbers_of_operations_are_those_of_the_formulas(steps, taps, layers):
    values, classes = 4, 3
    results = records(*(spikes(seed, 9, steps, values) for seed in range(3)), epochs=1)
    gru, convolution = (results[name]["hidden"] for name in ("GRU", "convolution"))
    assert {name: record["operations"] for name, record in results.items()} == {
        "majority": 0,
        "linear": classes * steps * values,
        "linear on features": classes * 4 * values,
        "GRU": steps * 3 * gru * (values + gru) + classes * gru,
        "convolution": steps * taps * convolution * (values + (layers - 1) * convolution) + classes * convolution,
    }


def test_operations_are_those_of_a_sample_of_the_mean_length_or_of_an_image_shown_in_each_step():
    parts = [*ragged((spikes(seed, 9, 7, 4) for seed in range(3)), 0.0)]
    mean = round(float(parts[2][2].double().mean()))
    assert 1 < mean < 6
    gru = records(*parts, epochs=1)["GRU"]
    assert gru["operations"] == mean * 3 * gru["hidden"] * (4 + gru["hidden"]) + 3 * gru["hidden"]
    images = [(torch.rand(9, 4), torch.arange(9) % 3) for _ in range(3)]
    results = records(*images, num_steps=6, epochs=1)
    hidden = results["GRU"]["hidden"]
    assert results["GRU"]["operations"] == 6 * 3 * hidden * (4 + hidden) + 3 * hidden
    assert results["linear"]["operations"] == 3 * 4


def test_a_net_gives_the_number_of_its_parameters_and_is_not_run():
    net = nn.Linear(17, 16)  # whose input would not fit
    assert records(net=net, parameters=None) == records(parameters=17 * 16 + 16)
    assert records(parameters=1)["GRU"]["hidden"] == 1


def test_features_are_mean_deviation_and_the_first_and_last_active_step():
    xs = torch.tensor([[[0.0, 2, 0], [3, 2, 0], [0, 2, 0], [3, 2, 0], [0, 0, 0]]])
    features = _features(xs, torch.tensor([4]))
    assert features.tolist() == [[1.5, 2, 0, 1.5, 0, 0, 2, 1, 5, 4, 4, 0]]


def ragged(parts, filling, steps=7):
    for xs, labels in parts:
        lengths = torch.arange(len(xs)) % steps + 1
        lengths[lengths == steps] = steps - 1
        after = torch.arange(steps) >= lengths.unsqueeze(1)
        yield xs.masked_fill(after.unsqueeze(2), filling), labels, lengths


def test_padding_changes_no_number():
    expected = records(*ragged(PARTS, 0.0))
    assert records(*ragged(PARTS, 1e6)) == expected
    assert records(*ragged(PARTS, float("nan"))) == expected
    longer = [(nn.functional.pad(xs, (0, 0, 0, 9)), *rest) for xs, *rest in ragged(PARTS, 0.0)]
    assert records(*longer) == expected


def test_values_that_count_are_standardized_and_others_are_zero():
    train, valid, _ = read_parts(
        dict(zip(("train", "valid", "test"), ragged(PARTS, 5.0), strict=True)), None, 8
    ).values()
    counted = torch.arange(train.xs.shape[1]) < train.lengths.unsqueeze(1)
    values = train.xs[counted]
    torch.testing.assert_close(values.mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(values.std(0, correction=0), torch.ones(3))
    assert not train.xs[~counted].any()
    xs, lengths = PARTS[0][0], train.lengths
    raw = torch.cat([sample[:length] for sample, length in zip(xs, lengths, strict=True)])
    expected = (PARTS[1][0][5, 0] - raw.mean(0)) / raw.std(0, correction=0)
    torch.testing.assert_close(valid.xs[5, 0], expected)


def test_a_sample_of_a_batch_has_the_result_that_it_has_alone():
    torch.manual_seed(0)
    xs = torch.randn(9, 2, 3)
    xs[4:, 0] = 0
    for net in (GRU(3, 2, 5), Convolution(3, 2, 9, 5)):
        together = net(xs, torch.tensor([4, 9]))[0, 0]
        torch.testing.assert_close(together, net(xs[:4, :1], torch.tensor([4]))[0, 0])


@pytest.mark.parametrize("seed", [0, 3])
def test_the_same_seed_gives_the_same_numbers_and_leaves_the_generators_alone(seed):
    torch.manual_seed(7)
    first = records(seed=seed)
    before = torch.get_rng_state()
    torch.rand(3)
    assert records(seed=seed) == first
    assert records(seed=seed + 1) != first
    torch.manual_seed(7)
    assert torch.equal(torch.get_rng_state(), before)


def test_tensors_data_sets_and_batches_with_time_first_give_the_same():
    expected = records()
    assert records(*(TensorDataset(*part) for part in PARTS)) == expected
    loaders = [[(xs.transpose(0, 1), labels) for xs, labels in DataLoader(TensorDataset(*part), 10)] for part in PARTS]
    assert records(*loaders) == expected
    images = [(xs.reshape(len(xs), 7, 3, 1), labels.to(torch.uint8)) for xs, labels in PARTS]
    assert records(*images) == expected


def test_a_loader_of_samples_of_several_lengths_gives_the_same_as_padded_tensors():
    tensors = [*ragged(PARTS, 0.0)]
    loaders = []
    for xs, labels, lengths in tensors:
        rows = [slice(start, start + 4) for start in range(0, len(xs), 4)]
        loaders.append([(xs[r, : lengths[r].max()].transpose(0, 1), labels[r], lengths[r]) for r in rows])
    assert records(*loaders) == records(*tensors)


def test_data_without_time_is_one_step_for_all_but_the_gru_which_sees_all():
    still = [(xs[:, 0], labels) for xs, labels in PARTS]
    results = records(*still, num_steps=6)
    once = records(*((xs.unsqueeze(1), labels) for xs, labels in still))
    repeated = records(*((xs.unsqueeze(1).repeat(1, 6, 1), labels) for xs, labels in still))
    assert results["GRU"] == repeated["GRU"]
    assert {name: results[name] for name in NAMES if name != "GRU"} == {n: once[n] for n in NAMES if n != "GRU"}


class Counted:
    """A loader that counts how often it is read."""

    def __init__(self, part):
        self.part, self.times = part, 0

    def __iter__(self):
        self.times += 1
        return iter([(self.part[0].transpose(0, 1), self.part[1])])


def test_the_test_part_is_read_once_and_chooses_nothing():
    options = {"learning_rates": [0.1, 0.001], "weight_decays": [0.0, 1.0], "epochs": 6, "patience": 1}
    loader = Counted(PARTS[2])
    results = records(*PARTS[:2], loader, **options)
    assert loader.times == 1
    reversed_labels = PARTS[2][0], 2 - PARTS[2][1]
    others = records(*PARTS[:2], reversed_labels, **options)
    for name in NAMES:
        of_test = {"test", "test_loss"}
        assert {k: v for k, v in results[name].items() if k not in of_test} == {
            k: v for k, v in others[name].items() if k not in of_test
        }
    assert any(results[name]["test"] != others[name]["test"] for name in NAMES)


def test_the_settings_have_the_highest_validation_accuracy_and_then_the_lowest_loss():
    settings = [(rate, decay) for rate in (0.1, 0.0001) for decay in (0.0, 1.0)]
    alone = [records(learning_rates=[rate], weight_decays=[decay]) for rate, decay in settings]
    results = records(learning_rates=[0.1, 0.0001], weight_decays=[0.0, 1.0])
    for name in NAMES:
        best = max(alone, key=lambda each: (each[name]["valid"], -each[name]["valid_loss"]))
        assert results[name] == best[name]


def test_floats_are_fitted_and_compared_with_their_mean():
    draw = torch.Generator().manual_seed(0)
    weights = torch.randn(21, 2, generator=draw)
    parts = []
    for samples in (400, 50, 60):
        xs = torch.randn(samples, 7, 3, generator=draw)
        parts.append((xs, 1000 + 50 * xs.flatten(1) @ weights))
    results = records(*parts, epochs=60, batch_size=64)
    assert [*results] == ["mean", *NAMES[1:]]
    assert results["linear"]["test"] > 0.999
    assert results["linear on features"]["test"] < 0.9
    (_, train), _, (_, test) = parts
    mean, deviation = train.mean(0), train.std(0, correction=0)
    error = ((test - mean) / deviation).square().mean()
    assert results["mean"]["test_loss"] == pytest.approx(float(error), rel=1e-4)
    expected = 1 - error / ((test - test.mean(0)) / deviation).square().mean()
    assert results["mean"]["test"] == pytest.approx(float(expected), abs=1e-5)
    assert "R²; samples" in str(SF.baselines(*parts, **SMALL | {"epochs": 1}))


def test_values_of_any_scale_and_constant_values_give_the_same():
    expected = records()
    scaled = [(xs * torch.tensor([2.0**20, 2.0**-20, 4]), labels) for xs, labels in PARTS]
    assert records(*scaled) == expected
    first = torch.cat([PARTS[0][0], torch.full((41, 7, 1), 0.1)], 2), PARTS[0][1]
    others = [(torch.cat([xs, torch.full((len(xs), 7, 1), 0.1)], 2), labels) for xs, labels in PARTS[1:]]
    assert all(abs(record["test_loss"]) < 3 for record in records(first, *others).values())


def test_the_result_is_a_table_and_json():
    table = SF.baselines(*PARTS, **SMALL | {"epochs": 1})
    head, *rows, samples, more = str(table).splitlines()
    assert head.split("  ")[0] == "model"
    assert [row.split("  ")[0] for row in rows] == NAMES
    assert (
        samples
        == "accuracy; samples: train 41, valid 23, test 17; epoch and settings, 1 for each model, are chosen on valid"
    )
    assert more == "more epochs may be better for linear, linear on features, GRU, convolution"
    assert table._repr_html_().count("<tr>") == 6
    assert json.loads(json.dumps(table.to_dict())) == table.to_dict()
    assert table.to_dict()["GRU"]["seconds"] > 0


def test_a_bar_counts_all_batches_even_if_training_stops_early(capsys):
    pytest.importorskip("tqdm")
    SF.baselines(*PARTS, **SMALL | {"progress": True, "patience": 1, "learning_rates": [10.0]})
    text = capsys.readouterr().err
    assert f"{3 * 4 * 4}/{3 * 4 * 4}" in text
    assert "valid_loss=" in text


def test_a_diverging_loss_is_an_error_with_its_place():
    with pytest.raises(FloatingPointError, match=r"the loss of .* in epoch .*lower the learning rate"):
        records(learning_rates=[1e20])
