"""Configure the site, which ``nox -s docs`` builds from the root of the tree, so that links in the tree work in it."""

from __future__ import annotations

import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent / "tools")]

project = "snn"
copyright = "the authors of snn"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml",
    "executed",
    "reference",
    "options",
    "found_first",
    "notebook_links",
    "first_page",
]

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "packages/*/*.md", "constraints/*.md"]
exclude_patterns = ["**/.*", ".*", "dist", "packages/*/src", "packages/*/tests", "packages/*/csrc", "docs/assets"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
suppress_warnings = ["autosectionlabel.*"]

myst_enable_extensions = ["dollarmath", "fieldlist"]
myst_heading_anchors = 4
highlight_language = "python"

nitpicky = True
# Names of other projects and of Python: their documentation is elsewhere, and the site is built without a network.
nitpick_ignore_regex = [(r"py:.*", r"(?!snn_).*")]
autodoc_default_options = {"show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
maximum_signature_line_length = 100
add_module_names = False

html_theme = "furo"
html_title = "snn"
html_static_path = ["assets"]
html_css_files = ["site.css"]
html_js_files = ["summaries.js"]
html_search_scorer = str(HERE / "assets" / "scorer.js")
html_favicon = "assets/favicon.svg"
html_extra_path = ["root/index.html"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False

# words that readers search for, by the page that the search must show first
found_first = {
    "docs/baselines": ["baseline", "baselines"],
    "docs/choose-settings": ["hyperparameter", "initialization", "learning rate", "slope"],
    "docs/commands": ["command line", "environment variables"],
    "docs/compile": ["torch.compile", "torch.func", "vmap"],
    "docs/concepts": ["batch first", "state"],
    "docs/convert": ["ann to snn", "conversion", "convert"],
    "docs/datasets": ["data sets", "data set", "dataset", "datasets"],
    "docs/deploy": ["onnx", "executorch", "export"],
    "docs/deploy-browser": ["browser", "javascript", "node.js", "webassembly"],
    "docs/deploy-c": ["c99"],
    "docs/diagnose": ["dead neurons"],
    "docs/energy": ["energy"],
    "docs/gallery": ["plot", "plotting", "raster"],
    "docs/gpu": ["gpu", "cuda", "triton"],
    "docs/local-learning": ["e-prop", "plasticity", "stdp"],
    "docs/losses": ["loss", "losses", "readout"],
    "docs/memory-and-files": ["out of memory"],
    "docs/microcontroller": ["cortex-m", "embedded", "microcontroller"],
    "docs/mixed-precision": ["mixed precision", "bfloat16", "float16", "autocast"],
    "docs/monitors": ["hook", "monitor", "record"],
    "docs/neurons": ["if", "lif", "plif", "learn beta", "neurons"],
    "docs/nir": ["loihi", "lava", "norse", "sinabs"],
    "docs/pin-a-backend": ["pin a backend"],
    "docs/questions": ["cite", "macos", "windows"],
    "docs/quantized-training": ["quantized training", "quantization", "qat"],
    "docs/ragged-time": ["ragged", "padding", "variable length"],
    "docs/save-and-load": ["checkpoint", "load", "save", "save and load", "state_dict"],
    "docs/scale": ["ddp", "distributed", "multi-gpu"],
    "docs/scikit-learn": ["gridsearchcv", "scikit-learn", "sklearn"],
    "docs/streaming": ["early exit", "stream", "real time"],
    "docs/surrogate-gradients": ["surrogate", "surrogate gradient"],
    "docs/train-properly": ["early stopping", "fit", "validation", "scheduler", "tensorboard", "resume"],
    "docs/what-a-step-may-do": ["side effects"],
    "docs/write-your-own-neuron": ["custom neuron"],
}
