"""An edit of any value or code that a transform can reach changes its fingerprint; another process finds the same."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.dtypes import StringDType

from snn_data import fingerprint

# programs of a user, with a place where a value stands that makes a difference
PLACES = {
    "constant": "def transform(x): return x, VALUE",
    "global": "K = VALUE\ndef transform(x): return x, K",
    "global with underscores": "__K = VALUE\ndef transform(x): return x, __K",
    "global with underscores around it": "__K__ = VALUE\ndef transform(x): return x, __K__",
    "docstring of the module": "__doc__ = VALUE\ndef transform(x): return x, __doc__",
    "helper with underscores": "def __g(x): return x, VALUE\ndef transform(x): return __g(x)",
    "helper of a helper": "def a(x): return x, VALUE\ndef b(x): return a(x)\ndef transform(x): return b(x)",
    "nested helper": "def transform(x):\n    def g(y): return y, VALUE\n    return g(x)",
    "closure": "def make(k): return lambda x: (x, k)\ntransform = make(VALUE)",
    "closure of a closure": "def make(k):\n    def g(): return k\n    return lambda x: (x, g())\n"
    "transform = make(VALUE)",
    "default": "def transform(x, k=VALUE): return x, k",
    "keyword default": "def transform(x, *, k=VALUE): return x, k",
    "default of a lambda": "def transform(x): return (lambda k=VALUE: (x, k))()",
    "attribute of a function": "def transform(x): return x, transform.k\ntransform.k = VALUE",
    "comprehension": "def transform(x): return [(y, VALUE) for y in x]",
    "condition of a generator": "def transform(x): return list(y for y in x if y == VALUE)",
    "decorator": "def deco(f): return lambda x: (f(x), VALUE)\n@deco\ndef transform(x): return x",
    "annotation": "def transform(x: VALUE): return transform.__annotations__",
    "class attribute": "class T:\n    k = VALUE\n    def __call__(self, x): return x, self.k\ntransform = T()",
    "class attribute with underscores": "class T:\n    __k = VALUE\n    def __call__(self, x): return self.__k\n"
    "transform = T()",
    "class attribute with underscores around it": "class T:\n    __k__ = VALUE\n    def __call__(self, x):\n"
    "        return self.__k__\ntransform = T()",
    "class attribute named as one of Python's": "class T:\n    _abc_factor = VALUE\n"
    "    def __call__(self, x): return self._abc_factor\ntransform = T()",
    "docstring of a class": "class T:\n    __doc__ = VALUE\n    def __call__(self, x): return self.__doc__\n"
    "transform = T()",
    "annotation of a class": "class T:\n    k: VALUE\n    def __call__(self, x): return T.__annotations__\n"
    "transform = T()",
    "slots": "class T:\n    __slots__ = ('k',)\n    def __call__(self, x): return x, self.k\n"
    "transform = T()\ntransform.k = VALUE",
    "attribute of an instance": "class T:\n    def __call__(self, x): return x, self.k\ntransform = T()\n"
    "transform.k = VALUE",
    "base": "class B:\n    k = VALUE\nclass T(B):\n    def __call__(self, x): return x, self.k\ntransform = T()",
    "metaclass": "class M(type):\n    @property\n    def k(cls): return VALUE\nclass T(metaclass=M):\n"
    "    def __call__(self, x): return x, type(self).k\ntransform = T()",
    "attribute of a metaclass": "class M(type):\n    k = VALUE\nclass T(metaclass=M):\n"
    "    def __call__(self, x): return x, type(self).k\ntransform = T()",
    "class decorator": "def deco(c):\n    c.k = VALUE\n    return c\n@deco\nclass T:\n"
    "    def __call__(self, x): return self.k\ntransform = T()",
    "property": "class T:\n    @property\n    def k(self): return VALUE\n    def __call__(self, x): return self.k\n"
    "transform = T()",
    "subclass of property": "class P(property):\n    def __get__(self, *of): return VALUE\nclass T:\n    k = P()\n"
    "    def __call__(self, x): return self.k\ntransform = T()",
    "cached property": "import functools\nclass T:\n    @functools.cached_property\n    def k(self): return VALUE\n"
    "    def __call__(self, x): return self.k\ntransform = T()",
    "descriptor": "class D:\n    def __get__(self, *of): return VALUE\nclass T:\n    k = D()\n"
    "    def __call__(self, x): return self.k\ntransform = T()",
    "static method": "class T:\n    @staticmethod\n    def f(x): return x, VALUE\ntransform = T.f",
    "class method": "class T:\n    k = VALUE\n    @classmethod\n    def f(cls, x): return x, cls.k\ntransform = T.f",
    "bound method": "class T:\n    def __init__(self, k): self.k = k\n    def f(self, x): return x, self.k\n"
    "transform = T(VALUE).f",
    "method of another class": "class A:\n    k = VALUE\ndef transform(x): return x, A.k",
    "special method": "class T:\n    def __getattr__(self, name): return VALUE\n"
    "    def __call__(self, x): return self.k\n"
    "transform = T()",
    "partial": "import functools\ndef f(x, k): return x, k\ntransform = functools.partial(f, k=VALUE)",
    "argument of a partial": "import functools\ndef f(k, x): return x, k\ntransform = functools.partial(f, VALUE)",
    "attribute of a partial": "import functools\ndef f(x): return x, transform.k\ntransform = functools.partial(f)\n"
    "transform.k = VALUE",
    "subclass of partial": "import functools\nclass P(functools.partial):\n"
    "    def __call__(self, x): return x, VALUE\ntransform = P(print)",
    "name of another function": "import functools, numpy\n@functools.wraps(numpy.clip)\n"
    "def transform(x): return x, VALUE",
    "function that a library made": "import contextlib\n@contextlib.contextmanager\ndef context(): yield VALUE\n"
    "def transform(x):\n    with context() as k:\n        return x, k",
    "context of a library": "import torch\n@torch.no_grad()\ndef transform(x): return x, VALUE",
    "class without a module": "space = {}\nexec('class T:\\n    k = VALUE\\n    def __call__(self, x): return self.k', "
    "space)\ntransform = space['T']()",
    "function without a module": "space = {}\nexec('def f(x): return VALUE', space)\ntransform = space['f']",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass T:\n    k: object = VALUE\n"
    "    def __call__(self, x): return x, self.k\ntransform = T()",
    "factory of a dataclass": "from dataclasses import dataclass, field\n@dataclass\nclass T:\n"
    "    k: object = field(default_factory=lambda: VALUE)\ndef transform(x): return x, T().k",
    "metadata of a dataclass": "from dataclasses import dataclass, field, fields\n@dataclass\nclass T:\n"
    "    k: object = field(default=0, metadata={'unit': VALUE})\n"
    "def transform(x): return fields(T)[0].metadata['unit']",
    "type of a dataclass's field": "from dataclasses import dataclass, fields\n@dataclass\nclass T:\n    k: VALUE = 0\n"
    "def transform(x): return fields(T)[0].type",
    "frozen dataclass with slots": "from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass T:\n"
    "    k: object = VALUE\n    def __call__(self, x): return x, self.k\ntransform = T()",
    "named tuple": "from collections import namedtuple\nT = namedtuple('T', 'k', defaults=(VALUE,))\n"
    "def transform(x): return x, T().k",
    "member of an enumeration": "import enum\nclass E(enum.Enum):\n    A = (VALUE, 1)\n"
    "def transform(x): return x, E.A.value",
    "state of a member of an enumeration": "import enum\nclass E(enum.Enum):\n    A = 1\nE.A.k = VALUE\n"
    "def transform(x): return x, E.A.k",
    "member of a flag": "import enum\nclass E(enum.Flag):\n    A = 1\nE.A.k = VALUE\ndef transform(x): return x, E.A.k",
    "list": "K = [1, [VALUE]]\ndef transform(x): return x, K",
    "dict": "K = {'a': {'b': VALUE}}\ndef transform(x): return x, K['a']['b']",
    "key of a dict": "K = {VALUE: 1}\ndef transform(x): return x, K",
    "set": "K = {VALUE}\ndef transform(x): return x in K",
    "subclass of dict": "class D(dict): pass\nK = D(a=VALUE)\ndef transform(x): return x, K",
    "subclass of list": "class D(list): pass\nK = D([VALUE])\ndef transform(x): return x, K",
    "attribute of a subclass of int": "class I(int): pass\nK = I(3)\nK.k = VALUE\ndef transform(x): return x, K.k",
    "attribute of a tensor": "import torch\nK = torch.ones(1)\nK.k = VALUE\ndef transform(x): return x, K.k",
    "subclass of a tensor": "import torch\nclass S(torch.Tensor):\n    k = VALUE\nK = torch.ones(1).as_subclass(S)\n"
    "def transform(x): return x, K.k",
    "subclass of an array": "import numpy\nclass S(numpy.ndarray):\n    k = VALUE\nK = numpy.ones(1).view(S)\n"
    "def transform(x): return x, K.k",
    "array of objects": "import numpy\nK = numpy.array([VALUE, None], dtype=object)\ndef transform(x): return x, K",
    "cache": "import functools\n@functools.lru_cache\ndef transform(x): return x, VALUE",
    "elementwise function": "import numpy\ntransform = numpy.frompyfunc(lambda x: VALUE, 1, 1)",
    "identity of an elementwise function": "import numpy\ndef add(x, y): return x + y\n"
    "transform = numpy.frompyfunc(add, 2, 1, identity=VALUE)",
    "vectorized function": "import numpy\ntransform = numpy.vectorize(lambda x: VALUE)",
    "type variable": "import typing\nT = typing.TypeVar('T')\nclass G(typing.Generic[T]):\n    k = VALUE\n"
    "    def __call__(self, x): return self.k\ntransform = G[int]()",
    "new type": "import typing\nN = typing.NewType('N', int)\nK = VALUE\ndef transform(x): return N(x), K",
}


def transform_of(source, name="transforms_of_a_user"):
    module = types.ModuleType(name)
    sys.modules[name] = module  # where dataclasses look
    try:
        exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    finally:
        del sys.modules[name]
    return module.transform


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.binary(max_size=3),
)


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=20)
@given(value=values, other=values)
def test_another_value_anywhere_in_reach_is_another_fingerprint(place, value, other):
    source, texts = PLACES[place], (repr(value), repr(other))
    if "annotation" in place or "type of" in place:
        texts = tuple(repr(text) for text in texts)
    if "exec(" in source:
        texts = tuple(text.replace("\\", "\\\\").replace("'", "\\'") for text in texts)
    first, second = (fingerprint(transform_of(source.replace("VALUE", text))) for text in texts)
    assert (first == second) is (repr(value) == repr(other))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("class T:\n    @staticmethod\n    def f(*x): return x", "class T:\n    @classmethod\n    def f(*x): return x"),
        ("class T:\n    @property\n    def f(self): return 1", "class T:\n    def f(self): return 1"),
        ("class M(type): pass\nclass T(metaclass=M): pass", "class M(type): pass\nclass T: pass"),
        ("class T:\n    __k__ = 1", "class T: pass"),
        ("class T:\n    __slots__ = ('a',)", "class T:\n    __slots__ = ('a', 'b')"),
        ("def T(a, b): return a", "def T(a, *, b): return a"),
        ("def T(a, b): return a", "def T(a, b, /): return a"),
        ("T = lambda x: [y for y in x]", "T = lambda x: {y for y in x}"),
        ("T = lambda x: [y for y in x]", "T = lambda x: [y for y in x if y]"),
        ("def T(x): return x + 1", "def T(x): return x - 1"),
        ("def T(x): return x and 1", "def T(x): return x or 1"),
        ("def T(x): return x < 1", "def T(x): return x <= 1"),
        ("def T(x):\n    try: return 1 / x\n    except ValueError: return 0", "def T(x):\n    return 1 / x"),
        ("def T(x): return abs(x)", "def abs(x): return x\ndef T(x): return abs(x)"),
        ("import enum\nclass T(enum.Enum):\n    A = 1", "import enum\nclass T(enum.IntEnum):\n    A = 1"),
        (
            "from dataclasses import dataclass\n@dataclass\nclass T: k: int = 0",
            "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass T: k: int = 0",
        ),
        ("import re\nT = re.compile('a')", "import re\nT = re.compile('b')"),
        ("import re\nT = re.compile('a')", "import re\nT = re.compile('a', re.I)"),
        ("T = 10 ** 5000", "T = 10 ** 5000 + 1"),
        ("T = int | None", "T = int | str"),
        ("import numpy\nT = numpy.frompyfunc(max, 2, 1)", "import numpy\nT = numpy.frompyfunc(max, 3, 1)"),
    ],
)
def test_an_edit_is_another_fingerprint(before, after):
    before, after = (f"{source}\ntransform = T" for source in (before, after))
    assert fingerprint(transform_of(before)) == fingerprint(transform_of(before))
    assert fingerprint(transform_of(before)) != fingerprint(transform_of(after))


@pytest.mark.parametrize(
    "source",
    [
        "class T:\n    def __init__(self): self.m = helper\n    def f(self, x): self.m.scale(x)\ntransform = T().f",
        "def call(module, x): return module.scale(x)\ndef transform(x): return call(helper, x)",
        "def make(module): return lambda x: module.scale(x)\ntransform = make(helper)",
        "def transform(x, module=helper): return module.scale(x)",
        "MODULES = {'a': [helper]}\ndef transform(x): return MODULES['a'][0].scale(x)",
        "class T:\n    module = helper\n    def __call__(self, x): return self.module.scale(x)\ntransform = T()",
        "import functools\ndef f(module, x): return module.scale(x)\ntransform = functools.partial(f, helper)",
    ],
)
@pytest.mark.parametrize("name", ["scale", "__scale__"])
def test_a_module_of_a_user_counts_wherever_it_is_held(monkeypatch, source, name):
    prints = []
    for helper in ("K = 2\ndef scale(x): return K * x", "K = 3\ndef scale(x): return K * x"):
        module = types.ModuleType("helper")
        exec(helper.replace("scale", name), module.__dict__)
        monkeypatch.setitem(sys.modules, "helper", module)
        prints.append(fingerprint(transform_of("import helper\n" + source.replace("scale", name))))
    assert prints[0] != prints[1]


@pytest.mark.parametrize(
    ("statement", "use"),
    [
        ("import package_of_a_user.inner", "package_of_a_user.outer(x)"),
        ("import package_of_a_user.inner", "package_of_a_user.inner.scale(x)"),
        ("from package_of_a_user import inner", "inner.scale(x)"),
        ("from package_of_a_user.inner import scale", "scale(x)"),
    ],
)
def test_modules_imported_while_a_transform_runs_count_before_it_has_run(tmp_path, monkeypatch, statement, use):
    package = tmp_path / "package_of_a_user"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    prints = []
    for factor in (2, 3):
        (package / "__init__.py").write_text(f"def outer(x): return {factor} * x")
        (package / "inner.py").write_text(f"def scale(x): return {factor} * x")
        function = transform_of(f"def transform(x):\n    {statement}\n    return {use}")
        prints.append(fingerprint(function))
        function(1)
        assert fingerprint(function) == prints[-1]
        for name in [name for name in sys.modules if name.startswith("package_of_a_user")]:
            del sys.modules[name]
    assert prints[0] != prints[1]


def test_an_attribute_with_the_name_of_a_global_is_not_that_global():
    source = "import os\ndata = VALUE\ndef transform(x): return os.data.f(x), x.data, lambda y: y.data"
    first, second = (fingerprint(transform_of(source.replace("VALUE", value))) for value in ("1", "(n for n in ())"))
    assert first == second


def test_a_global_that_a_nested_function_or_class_names_counts():
    for use in ("lambda: data", "[data for _ in x]", "type('T', (), {'k': lambda self: data})"):
        source = f"data = VALUE\ndef transform(x):\n    return {use}"
        first, second = (fingerprint(transform_of(source.replace("VALUE", value))) for value in ("1", "2"))
        assert first != second
    source = "data = VALUE\ndef transform(x):\n    class T:\n        k = data\n    return T"
    assert fingerprint(transform_of(source.replace("VALUE", "1"))) != fingerprint(
        transform_of(source.replace("VALUE", "2"))
    )


@pytest.mark.parametrize(
    "source",
    [
        "PAIR = (lambda x: x + 1), (lambda x: x * 2)",
        "PAIR = (lambda x: x + 1), (lambda x: x + 2)",
        (
            "def make(k):\n    if k:\n        def f(x): return x + 1\n    else:\n        def f(x): return x * 2\n"
            "    return f\nPAIR = make(0), make(1)"
        ),
    ],
)
def test_an_installed_module_may_have_several_functions_of_one_name(source):
    first, second = (
        fingerprint(transform_of(f"{source}\ntransform = PAIR[{index}]", "numpy.functions")) for index in range(2)
    )
    assert first != second


def test_an_absent_optional_library_is_not_an_error():
    source = "def transform(x):\n    try:\n        import no_such_library\n    except ImportError:\n        return x"
    assert fingerprint(transform_of(source)) == fingerprint(transform_of(source))


COMPLEX = torch.tensor([1 + 2j, 3 - 4j])


@pytest.mark.parametrize(
    ("view", "plain"),
    [
        (torch._neg_view(torch.ones(3)), -torch.ones(3)),
        (COMPLEX.conj(), torch.tensor([1 - 2j, 3 + 4j])),
        (COMPLEX.conj().imag, torch.tensor([-2.0, 4.0])),
        (torch.arange(6)[::2], torch.tensor([0, 2, 4])),
        (torch.ones(1).expand(3), torch.ones(3)),
        (torch.arange(12).reshape(3, 4)[:, ::2], torch.tensor([[0, 2], [4, 6], [8, 10]])),
        (torch.arange(3).expand(2, 3), torch.tensor([[0, 1, 2], [0, 1, 2]])),
        (torch.ones(5, 1, 3).transpose(1, 2), torch.ones(5, 3, 1)),
        (np.arange(6).reshape(3, 2)[::-1, :], np.array([[4, 5], [2, 3], [0, 1]])),
        (np.arange(6)[::-2], np.array([5, 3, 1])),
        (np.broadcast_to(1.0, (3,)), np.ones(3)),
    ],
)
def test_a_view_counts_by_the_values_that_it_shows(view, plain):
    assert fingerprint(view) == fingerprint(plain)
    assert fingerprint(view) != fingerprint(plain + 1)


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_the_order_of_the_axes_in_memory_counts(order):
    rows = torch.arange(30).reshape(2, 3, 5)
    inverse = [order.index(axis) for axis in range(3)]
    turned = rows.permute(order).contiguous().permute(inverse)
    assert turned.equal(rows)
    in_order = order == (0, 1, 2)
    assert (fingerprint(turned) == fingerprint(rows)) is in_order
    assert (fingerprint(turned.numpy()) == fingerprint(rows.numpy())) is in_order
    assert fingerprint(turned) == fingerprint(turned.clone()) == fingerprint(pickle.loads(pickle.dumps(turned)))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (np.ma.masked_array([1, 2], [True, False]), np.ma.masked_array([1, 2], [False, False])),
        (np.float32(1), np.array(1, dtype=np.float32)),
        (np.array(["a"], dtype=StringDType()), np.array(["b"], dtype=StringDType())),
        (np.array([("a", 1)], dtype=[("o", object), ("i", int)]), np.array([("b", 1)], [("o", object), ("i", int)])),
        (torch.ones(2).as_subclass(torch.nn.Buffer), torch.ones(2)),
        (torch.ones(2, dtype=torch.bool), torch.ones(2, dtype=torch.uint8)),
    ],
)
def test_arrays_and_tensors_count_by_all_that_they_hold(value, other):
    assert fingerprint(value) != fingerprint(other)


@pytest.mark.parametrize(
    ("tensor", "form"),
    [
        (torch.ones(2, device="meta"), "without data"),
        (torch.eye(2).to_sparse(), r"of layout torch\.sparse_coo"),
    ],
)
def test_a_tensor_whose_values_cannot_be_read_is_refused(tensor, form):
    with pytest.raises(TypeError, match=f"reads strided tensors, got one {form}: pass it as a dense one"):
        fingerprint(tensor)


def test_equal_programs_have_equal_fingerprints_in_every_process(tmp_path):
    names = []
    for number, source in enumerate(PLACES.values()):
        (tmp_path / f"place{number}.py").write_text(source.replace("VALUE", "(23, None)"))
        names.append(f"place{number}")
    program = (
        "import importlib, snn_data\n"
        f"for name in {names}: print(name, snn_data.fingerprint(importlib.import_module(name).transform))"
    )
    outputs = []
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path), "PATH": "", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", program]
        outputs.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert outputs[0].count("\n") == len(PLACES)
    assert outputs[0] == outputs[1]
