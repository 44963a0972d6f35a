"""Networks of snn-models in ONNX Runtime, step by step: the outputs of unroll."""

from __future__ import annotations

import json

import onnxruntime
import pytest
import torch

import snn_core as snn
from snn_export import export
from snn_models import recurrent_speech, sew_resnet

from .test_onnx import started

pytestmark = [
    pytest.mark.needs("snn-core", "snn-export", "snn-models"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # of the exporter about itself
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
NETS = {
    "residual": (lambda: sew_resnet(8, 5, in_channels=2, width=6), (2, 8, 8)),
    "speech": (lambda: recurrent_speech(4, inputs=9, hidden=(7, 5)), (9,)),
}


@pytest.mark.parametrize("name", NETS)
def test_a_file_gives_the_outputs_of_the_network(name, tmp_path):
    make, shape = NETS[name]
    net, xs = make(), (torch.rand(20, 3, *shape) < 0.5).float()
    with torch.no_grad():
        snn.unroll(net, xs)  # statistics of normalizations
        expected = snn.unroll(net.eval(), xs)
    export(net, xs[0, :2], tmp_path / "net.onnx", format="onnx")
    run, session = started(tmp_path / "net.onnx"), onnxruntime.InferenceSession(tmp_path / "net.onnx")
    described = json.loads(session.get_modelmeta().custom_metadata_map["states"])
    states, outputs = [torch.zeros(3, *state["shape"][1:]) for state in described], []
    for x in xs:
        out, *states = run(x, *states)
        outputs.append(out)
    torch.testing.assert_close(torch.stack(outputs), expected, rtol=1e-4, atol=1e-5)
    assert expected.any()
