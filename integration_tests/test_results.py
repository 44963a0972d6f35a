"""Every result to be read is a ``Result``: short at a prompt and in a notebook, and complete as data.

A result object is a dataclass of ours that a public callable returns, alone or within a container. Tuples, named ones
included, are values to unpack: only what is in them counts.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import typing
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import nir
import numpy as np
import pytest
import torch
from torch import nn

import public_names
import snn_core as snn
import snn_export
import snn_functional
import snn_ipu
import snn_nir
from snn.bench import bench
from snn_core.results import Result
from snn_export.c.export import CExport
from snn_export.wasm import WasmExport

OTHERS = {
    "snn_core.peer.Rules": "settings, which following() puts in force",
    "snn_data.files.cached.CachedDataset": "a data set, which names its samples, folder and key",
}
TAGS = {*"body table thead tbody tr th td pre".split()}
XS = torch.rand(5, 3, 7, generator=torch.Generator().manual_seed(0))


def callables(path: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield a public function, or the public methods and properties of a public class."""
    if not inspect.isclass(thing):
        yield path, thing
        return
    for name, member in vars(thing).items():
        function = getattr(member, "fget", getattr(member, "__func__", member))
        if inspect.isfunction(function) and not name.startswith("_"):
            yield f"{path}.{name}", function


def classes_in(annotation: Any) -> Iterator[type]:
    """Yield the classes in an annotation, and in the fields of named tuples."""
    if isinstance(annotation, list | tuple):
        parts = [*annotation]
    elif inspect.isclass(annotation) and hasattr(annotation, "_fields"):
        parts = [*typing.get_type_hints(annotation).values()]
    else:
        parts = [*typing.get_args(annotation)]
    for part in parts:
        yield from classes_in(part)
    if inspect.isclass(annotation):
        yield annotation


def returned() -> dict[type, str]:
    """Return the classes of ours that public callables return, each with one such callable."""
    classes = {}
    for names in public_names.once().values():
        for path, thing in names.items():
            for name, function in callables(path, thing):
                if inspect.isroutine(function):
                    annotation = typing.get_type_hints(function).get("return")
                    classes |= {kind: name for kind in classes_in(annotation) if ours(kind)}
    return classes


def ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in public_names.PACKAGES


def results(kind: type[Result] = Result) -> Iterator[type[Result]]:
    """Yield the classes of results in our packages that can be made."""
    for child in filter(ours, kind.__subclasses__()):
        if not inspect.isabstract(child):
            yield child
        yield from results(child)


def deep(weights: Callable[[], nn.Module] = lambda: nn.Linear(7, 7)) -> nn.Sequential:
    """A net of 80 layers, one of which has a name that is HTML."""
    torch.manual_seed(0)
    net = nn.Sequential()
    for number in range(40):
        net.add_module("<script>" if number == 7 else f"weights of layer {number} <b>", weights())
        net.add_module(f"neurons of layer {number} & more", snn.Leaky(0.9, init_hidden=True))
    return net.eval()


def saved(folder: Any) -> snn.SavedNet:
    snn.save(folder / "net.safetensors", deep(), state=True, dt=1e-3, seeds={"first": 1}, extra={"texts": ["a"] * 99})
    return snn.load(folder / "net.safetensors")


def converted() -> Any:
    torch.manual_seed(0)
    ann = nn.Sequential(*(layer for _ in range(40) for layer in (nn.Linear(7, 7), nn.ReLU())), nn.Linear(7, 2))
    return snn_functional.from_ann(ann, torch.rand(9, 7)).report


def fitted() -> Any:
    data = XS[0], torch.arange(3)
    loss = snn_functional.ce_rate_loss()
    return snn_functional.fit(deep()[:2], data, data, loss, num_steps=5, epochs=2, progress=False)


def against_ordinary_models() -> Any:
    data = XS[0], torch.arange(3)
    return snn_functional.baselines(data, data, data, num_steps=5, parameters=99, epochs=1, progress=False)


def graph() -> nir.NIRGraph:
    lifs = [nir.LIF(*(np.full(3, value) for value in (0.01, 1.0, 0.0, 1.0, -1.0))) for _ in range(40)]
    return nir.NIRGraph.from_list(*lifs)


def compared() -> snn_nir.Fidelity:
    net = nn.Sequential(*(layer for _ in range(40) for layer in (nn.Linear(7, 7), snn.Leaky(0.9, init_hidden=True))))
    return snn_nir.fidelity(net, snn_nir.to_nir(net, XS[0]), XS)


def c_export() -> CExport:
    return snn_export.export(deep(), XS[0, :1], format="c")


def wasm_export() -> WasmExport:
    return WasmExport({"net.wasm": bytes(range(256)), "net.js": "a text"}, c_export().report)


INSTANCES: dict[str, Callable[[Any], Any]] = {
    "Advice": lambda _: snn_nir.advise(deep(), "norse"),
    "Availability": lambda _: snn.backends.get("loopback").availability(),
    "Baselines": lambda _: against_ordinary_models(),
    "Bench": lambda _: bench(deep()[:2], XS, repeats=1),
    "CExport": lambda _: c_export(),
    "Choice": lambda _: snn.kernels.choose(snn.Leaky(0.9), XS),
    "Diagnosis": lambda _: snn_functional.diagnose(deep(), 255 * XS),
    "EarlyExit": lambda _: snn_functional.early_exit(deep()[:2], XS, 1.0),
    "Energy": lambda _: snn_functional.energy(deep(), XS, model="45nm+memory"),
    "Fidelity": lambda _: compared(),
    "snn_functional.diagnosis.finding.Finding": lambda _: snn_functional.diagnose(deep(), 0 * XS).findings[0],
    "snn_nir.codes.Finding": lambda _: snn_nir.check(nir.NIRGraph({}, []))[0],
    "History": lambda _: fitted(),
    "IpuIssue": lambda _: snn_ipu.check(nn.Sequential(nn.Linear(7, 7), nn.Softmax(0)), XS)[0],
    "Issue": lambda _: snn.backends.get("loopback").check(nn.Sequential(snn.Leaky(0.9)), XS)[0],
    "MemoryPlan": lambda _: snn.plan_memory(deep(), XS),
    "MemoryReport": lambda _: c_export().report,
    "Prediction": lambda _: snn_nir.predict(graph(), "norse"),
    "Program": lambda _: snn.program(snn.SLSTM(3, 4), sample=(3,)).backward,
    "Report": lambda _: converted(),
    "SavedNet": saved,
    "Scaling": lambda _: snn.init.fluctuation_(deep(), XS, tolerance=0.3),
    "Schedule": lambda _: snn.backends.explain(deep(), XS),
    "Status": lambda _: snn.backends.status()[0],
    "StepProgram": lambda _: snn.program(snn.SLSTM(3, 4), sample=(3,)),
    "Summary": lambda _: snn_functional.summary(deep(), XS),
    "SynapticOperations": lambda _: snn_functional.synops(deep(), XS).total,
    "SynopsCount": lambda _: snn_functional.synops(deep(), XS),
    "WasmExport": lambda _: wasm_export(),
}
LONG = {
    *("CExport Diagnosis Energy Fidelity MemoryReport Prediction Program Report SavedNet Scaling Schedule".split()),
    *("Advice StepProgram Summary SynopsCount WasmExport".split()),
}


def test_every_dataclass_that_a_public_callable_returns_is_a_result():
    kinds = {kind: name for kind, name in returned().items() if dataclasses.is_dataclass(kind)}
    others = {f"{k.__module__}.{k.__qualname__}": name for k, name in kinds.items() if not issubclass(k, Result)}
    assert others.keys() == OTHERS.keys(), others
    assert {kind.__name__ for kind in kinds} >= {"Energy", "Report", "Diagnosis", "Schedule", "IpuIssue", "Choice"}


def test_every_result_is_listed_here_and_leaves_its_text_to_the_base():
    kinds = [*results()]
    names = [kind.__name__ for kind in kinds]
    paths = [f"{kind.__module__}.{kind.__name__}" for kind in kinds]
    listed = {path if names.count(name) > 1 else name for name, path in zip(names, paths, strict=True)}
    assert listed == INSTANCES.keys()
    for kind in kinds:
        assert (kind.__str__, kind.__repr__, kind._repr_html_) == (
            Result.__str__,
            Result.__repr__,
            Result._repr_html_,
        ), kind


@pytest.mark.parametrize("name", INSTANCES)
def test_a_result_is_short_to_read_and_complete_as_data(name, tmp_path):
    result = INSTANCES[name](tmp_path)
    assert isinstance(result, Result)
    assert type(result).__name__ == name.rpartition(".")[2]
    lines, complete = repr(result).splitlines(), str(result).splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100
    cut = [line for line in lines if line.endswith(" more; to_dict() has them all")]
    assert bool(cut) == (len(complete) > 30) == (name in LONG)

    page = ElementTree.fromstring(f"<body>{result._repr_html_()}</body>")
    assert {element.tag for element in page.iter()} <= TAGS
    assert {name for element in page.iter() for name in element.attrib} <= {"colspan", "style"}
    assert complete[0].split()[0] in "".join(page.itertext())
    assert len([*page.iter("tr")]) + sum(len("".join(p.itertext()).split("\n")) for p in page.iter("pre")) <= 30

    data = result.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)).keys() == data.keys()
    assert len(json.dumps(data, indent=1).splitlines()) >= len(complete)
