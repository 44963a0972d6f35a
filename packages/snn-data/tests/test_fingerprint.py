"""fingerprint: what a transform does decides, and nothing else."""

from __future__ import annotations

import functools
import random
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

from snn_data import fingerprint


def module(source, name="transforms_of_a_user"):
    """A module that is not installed, with this source."""
    module = types.ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


def transform(source):
    return module(source).transform


PLAIN = "def transform(x):\n    return 2 * x\n"


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n\n\ndef transform(x):\n    # another\n    return 2 * x  # a third\n",
        "def transform(x):\n    return (2 *\n            x)\n",
        "import os\nUNUSED = 3\n\ndef transform(x):\n    return 2 * x\n",
    ],
)
def test_comments_layout_and_what_is_not_used_do_not_count(same):
    assert fingerprint(transform(same)) == fingerprint(transform(PLAIN))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PLAIN, "def transform(x):\n    return 3 * x\n"),
        (PLAIN, "def transform(x):\n    return 2 + x\n"),
        (PLAIN, "def transform(x):\n    return 2.0 * x\n"),
        ("def transform(x, k=2):\n    return k * x\n", "def transform(x, k=3):\n    return k * x\n"),
        ("def transform(x, *, k=2):\n    return k * x\n", "def transform(x, *, k=3):\n    return k * x\n"),
        ("K = 2\ndef transform(x):\n    return K * x\n", "K = 3\ndef transform(x):\n    return K * x\n"),
        (
            "def scale(x): return 2 * x\ndef transform(x): return scale(x)",
            "def scale(x): return 3 * x\ndef transform(x): return scale(x)",
        ),
        ("def transform(x): return [2 * y for y in x]", "def transform(x): return [3 * y for y in x]"),
        ("def transform(x): return x.clamp(0)", "def transform(x): return x.clip(0)"),
        ("transform = lambda x: x in {1, 2}", "transform = lambda x: x in {1, 3}"),
        (
            "import functools\n@functools.lru_cache\ndef transform(x): return 2 * x",
            "import functools\n@functools.lru_cache\ndef transform(x): return 3 * x",
        ),
        (
            "class T:\n    def __call__(self, x): return self.f(x)\n    def f(self, x): return 2 * x\ntransform = T()",
            "class T:\n    def __call__(self, x): return self.f(x)\n    def f(self, x): return 3 * x\ntransform = T()",
        ),
        (
            "class B:\n    k = 2\nclass T(B):\n    def __call__(self, x): return self.k * x\ntransform = T()",
            "class B:\n    k = 3\nclass T(B):\n    def __call__(self, x): return self.k * x\ntransform = T()",
        ),
        (
            "class T:\n    @property\n    def k(self): return 2\ntransform = T()",
            "class T:\n    @property\n    def k(self): return 3\ntransform = T()",
        ),
    ],
)
def test_a_change_of_the_result_changes_the_fingerprint(before, after):
    assert fingerprint(transform(before)) == fingerprint(transform(before))
    assert fingerprint(transform(before)) != fingerprint(transform(after))


@pytest.mark.parametrize(
    "source",
    [
        "import helper_of_a_user\ndef transform(x): return helper_of_a_user.scale(x)",
        "from helper_of_a_user import scale\ndef transform(x): return scale(x)",
        "def transform(x):\n    import helper_of_a_user\n    return helper_of_a_user.scale(x)",
        "def transform(x):\n    from helper_of_a_user import scale\n    return scale(x)",
    ],
)
def test_a_helper_in_another_module_counts_however_it_is_imported(monkeypatch, source):
    result = []
    for helper in ("K = 2\ndef scale(x): return K * x", "K = 3\ndef scale(x): return K * x"):
        monkeypatch.setitem(sys.modules, "helper_of_a_user", module(helper, "helper_of_a_user"))
        result.append(fingerprint(transform(source)))
    assert result[0] != result[1]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ("1", 1),
        ("1", b"1"),
        ([1, 2], (1, 2)),
        ([[1], 2], [[1, 2]]),
        (["ab", "c"], ["a", "bc"]),
        ({"a": 1}, {"a": 2}),
        ({1, 2}, {1, 3}),
        (None, "None"),
        (torch.zeros(2, 3), torch.zeros(3, 2)),
        (torch.zeros(2), torch.zeros(2).double()),
        (torch.zeros(2), np.zeros(2, dtype=np.float32)),
        (torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0])),
        (torch.zeros(1).bfloat16(), torch.zeros(1).half()),
        (np.arange(6), np.arange(6)[::-1]),
        (np.zeros(1, dtype=[("t", int)]), np.zeros(1, dtype=[("x", int)])),
        (np.float32(1), np.float64(1)),
        (functools.partial(int, base=2), functools.partial(int, base=3)),
        ("ab".upper, "ab".lower),
        ("ab".upper, "cd".upper),
        (torch.relu, torch.tanh),
        (np.add, np.multiply),
        (np.sum, np.prod),
        (np.random.SeedSequence(1), np.random.SeedSequence(2)),
        (np.random.default_rng, np.random.SeedSequence),
        (slice(1, 2), slice(1, 3)),
        (torch.float32, torch.float64),
        (nn.Threshold(0.1, 0), nn.Threshold(0.2, 0)),
        (nn.ReLU(), nn.Tanh()),
    ],
)
def test_values_that_differ_have_fingerprints_that_differ(left, right):
    assert fingerprint(left) != fingerprint(right)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.arange(6).reshape(2, 3),
        lambda: torch.arange(6).reshape(3, 2).T.contiguous().T.contiguous().T,
        lambda: {"a": [1, (2, None)], "b": {3, 4}},
        lambda: np.array([(1, 2.5)], dtype=[("t", int), ("x", float)]),
        lambda: functools.partial(torch.clamp, min=0),
        lambda: np.random.SeedSequence((1, 2)),
        lambda: np.frompyfunc(lambda x: x + 1, 1, 1),
        lambda: nn.Sequential(nn.Flatten(), nn.Threshold(0.1, 0)),
    ],
)
def test_equal_content_made_twice_has_one_fingerprint(make):
    assert fingerprint(make()) == fingerprint(make())


def test_the_weights_of_a_module_count_and_a_change_in_place_is_seen():
    net = nn.Linear(3, 2)
    before = fingerprint(net)
    assert fingerprint(net) == before
    with torch.no_grad():
        net.weight[0, 0] += 1
    assert fingerprint(net) != before


def test_a_closure_counts_by_what_it_holds_now():
    held = {"k": 2}

    def scaled(x):
        return held["k"] * x

    before = fingerprint(scaled)
    held["k"] = 3
    assert fingerprint(scaled) != before


def test_cycles_end():
    loop: list = [1]
    loop.append(loop)
    other: list = [2]
    other.append(other)
    assert fingerprint(loop) != fingerprint(other)

    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert fingerprint(even) == fingerprint(even)


def test_another_process_finds_the_same(tmp_path):
    program = (
        "K = {'a', 'b', 'c'}\ndef transform(x, k=(1, 2)):\n    return [y for y in x if y in K and y in {'u', 'v'}]\n"
    )
    (tmp_path / "mine.py").write_text(program)
    command = "import mine, torch, snn_data; print(snn_data.fingerprint((mine.transform, torch.ones(3), mine.K)))"
    result = set()
    for seed in ("1", "2", "3"):  # the second run reads compiled code that the first one left
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path), "PATH": "", "OMP_NUM_THREADS": "1"}
        run = subprocess.run(
            [sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True
        )
        result.add(run.stdout)
    assert len(result) == 1
    assert list(tmp_path.glob("__pycache__/mine*"))


@pytest.mark.parametrize("generator", [torch.Generator(), np.random.default_rng(), random.Random(0)])
def test_a_random_generator_is_refused(generator):
    with pytest.raises(TypeError, match=r"random draws have no content: leave them to augmented\(\)"):
        fingerprint(functools.partial(torch.rand, generator=generator))


def test_unreadable_files_are_named(tmp_path):
    with (tmp_path / "file").open("w") as file, pytest.raises(TypeError, match=r"content of a _io\.TextIOWrapper"):
        fingerprint([1, file])


def test_the_fingerprint_of_an_object_is_the_same_after_it_was_used():
    class Scale:
        factor: int = 2

        def __call__(self, x):
            return self.factor * x

    scale = Scale()
    before = fingerprint(scale)
    assert fingerprint(scale) == before
    scale(1)
    assert Scale.__annotations__
    assert fingerprint(scale) == before


def test_an_attribute_of_a_function_counts():
    def scaled(x):
        return scaled.factor * x

    scaled.factor = 2
    before = fingerprint(scaled)
    scaled.factor = 3
    assert fingerprint(scaled) != before


def test_a_sparse_tensor_is_refused():
    with pytest.raises(TypeError, match=r"layout torch\.sparse_coo: pass it as a dense one"):
        fingerprint(torch.eye(2).to_sparse())
