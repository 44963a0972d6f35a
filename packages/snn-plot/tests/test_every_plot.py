"""Tests of all plots: they draw on the axes passed, change nothing else, and refuse data that they cannot draw."""

from __future__ import annotations

import functools
import inspect

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.artist import ArtistInspector
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from torch.utils._pytree import tree_map

import snn_plot

from .pictures import EVENTS, MEM, PLOTS

# A membrane that diverged and a loss that did are worth seeing: NaN is a gap in the line.
GAPS = {"traces", "training_curve"}
# plots of several series by name, and the name of the one that is made bad
BY_NAME = {"training_curve": "loss", "energy_bars": "spiking"}
WITHOUT_LABELS = {"animator", "event_frames"}


def wrapped(name, values):
    """Bad values in the place of a plot's data."""
    return {BY_NAME[name]: values} if name in BY_NAME else values


def bad(name):
    """Bad data for a plot: its kind, the error's type and what the message says."""
    good = PLOTS[name].data[BY_NAME[name]] if name in BY_NAME else PLOTS[name].data
    array = torch.as_tensor(good).double().numpy().copy()
    yield "text", wrapped(name, np.full(array.shape, "a").tolist()), TypeError, "must contain real numbers"
    yield "complex", wrapped(name, torch.tensor(array).to(torch.complex64)), TypeError, "must contain real numbers"
    yield "none inside", wrapped(name, [None] * 3), TypeError, "must contain real numbers"
    yield "empty", wrapped(name, array[:0]), ValueError, "got \\[0|mem is empty"
    if name not in GAPS:
        for value in (float("nan"), float("inf"), -float("inf")):
            array.flat[-1] = value
            yield str(value), wrapped(name, array.copy()), ValueError, "NaN or infinite|whole numbers, 0 or more"
    if name != "surrogate_curve":  # its membranes have any shape
        yield "scalar", wrapped(name, 1.0), ValueError, r"got \[\]"
        yield "too many axes", wrapped(name, np.ones((2, 3, 2, 2, 2))), ValueError, r"got \[2, 3, 2, 2, 2\]"


BAD = [(name, *case) for name in PLOTS for case in bad(name)]


def test_every_public_function_has_a_call_here():
    functions = {name for name in snn_plot.__all__ if inspect.isfunction(getattr(snn_plot, name))}
    assert functions == PLOTS.keys()
    assert set(snn_plot.__all__) - functions == {"Animation", "Camera", "__version__"}


ODD = [None, "abc", object(), -1, 0, 1.5, float("nan"), [None], {}, [1, 2, 3]]
# true or false, any text, and what matplotlib names in its own words
TAKEN = {"time_first", "colorbar", "animate", "gridshader", "xlabel", "ylabel", "cmap"}


@pytest.mark.filterwarnings("ignore:Animation was deleted:UserWarning")
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
@pytest.mark.parametrize("name", PLOTS)
def test_an_argument_that_a_plot_cannot_use_is_named(name, odd, monkeypatch):
    function = getattr(snn_plot, name)
    signature = inspect.signature(function)
    for argument, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD or argument in TAKEN | {PLOTS[name].name}:
            continue

        def with_it(*args, _argument=argument, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.arguments[_argument] = odd
            return function(*bound.args, **bound.kwargs)

        monkeypatch.setattr(snn_plot, name, with_it)
        figure, ax = plt.subplots()
        try:
            PLOTS[name].draw(PLOTS[name].data, ax)
        except (TypeError, ValueError) as error:
            message = str(error)
        else:
            message = argument
        plt.close(figure)
        assert argument in message


def state_of(axes):
    return (
        [type(child).__name__ for child in axes.get_children()],
        axes.get_position().bounds,
        axes.get_xlim(),
        axes.get_ylim(),
        axes.get_xlabel(),
        axes.get_ylabel(),
        axes.get_title(),
        axes.axison,
        axes.get_legend(),
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("place", range(4))
def test_a_plot_on_one_of_four_axes_leaves_the_others_and_the_settings_alone(name, place):
    figure, grid = plt.subplots(2, 2)
    ax, *others = np.roll(grid.ravel(), -place)
    plt.sca(others[0])
    before, settings = [state_of(axes) for axes in others], dict(matplotlib.rcParams)
    random = torch.random.get_rng_state()

    result = PLOTS[name].draw(PLOTS[name].data, ax)
    figure.canvas.draw()
    if isinstance(result, snn_plot.Animation):
        result.show(2)
    else:
        assert result is ax

    assert len(ax.get_children()) > len(others[0].get_children())
    assert [state_of(axes) for axes in others] == before
    assert figure.axes == list(grid.ravel())
    assert plt.gca() is others[0]
    assert plt.get_fignums() == [figure.number]
    assert dict(matplotlib.rcParams) == settings
    assert torch.equal(torch.random.get_rng_state(), random)


@pytest.mark.parametrize("name", sorted(PLOTS.keys() - {"animator"}))
def test_without_axes_a_plot_draws_on_the_current_ones(name):
    current = plt.figure().subplots(1, 2)[0]
    plt.sca(current)
    result = PLOTS[name].draw(PLOTS[name].data, None)
    current.figure.canvas.draw()
    assert isinstance(result, snn_plot.Animation) or result is current
    assert current.has_data()
    assert not current.figure.axes[1].has_data()


@pytest.mark.parametrize("name", sorted(PLOTS.keys() - WITHOUT_LABELS))
def test_both_axes_are_labeled_unless_the_user_has_labeled_them(name, ax):
    axes = ax.figure.axes[1]
    axes.set(xlabel="mine", ylabel="my own")
    films = [PLOTS[name].draw(PLOTS[name].data, axes) for axes in (ax, axes)]
    ax.figure.canvas.draw()
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mine", "my own")
    del films


@pytest.mark.parametrize(
    ("name", "data", "error", "message"),
    [pytest.param(name, *case, id=f"{name}-{kind}") for name, kind, *case in BAD],
)
def test_bad_data_are_refused_by_name_and_nothing_is_drawn(name, data, error, message, ax):
    with pytest.raises(error, match=message) as error_info:
        PLOTS[name].draw(data, ax)
    assert str(error_info.value).startswith(f"{name}: ")
    assert PLOTS[name].name in str(error_info.value)
    assert not ax.has_data()
    assert not ax.get_xlabel()


@pytest.mark.parametrize("name", PLOTS)
def test_something_else_than_axes_is_refused(name):
    function = getattr(snn_plot, name)
    first = {"surrogate_curve": [torch.sigmoid], "fi_curve": [torch.relu, [1.0]]}.get(name, [PLOTS[name].data])
    if name == "animator":
        first.append(plt.figure())
    with pytest.raises(TypeError, match=f"{name}: ax must be matplotlib Axes or None, got str"):
        function(*first, ax="left")


@pytest.mark.parametrize("name", sorted(PLOTS.keys() - {"confusion_matrix", "fi_curve", *BY_NAME}))
@pytest.mark.parametrize("kind", ["grad", "bfloat16", "float16", "float64", "array", "list"])
def test_recordings_of_every_kind_are_drawn(name, kind, ax):
    data = torch.as_tensor(PLOTS[name].data, dtype=torch.float32)
    recordings = {
        "grad": lambda: data.clone().requires_grad_(),
        "bfloat16": data.bfloat16,
        "float16": data.half,
        "float64": data.double,
        "array": data.numpy,
        "list": lambda: list(data.clone().requires_grad_()),
    }[kind]()
    film = PLOTS[name].draw(recordings, ax)
    ax.figure.canvas.draw()
    assert ax.has_data()
    del film


def with_options(monkeypatch, name, **options):
    monkeypatch.setattr(snn_plot, name, functools.partial(getattr(snn_plot, name), **options))


TAKES_ARTIST = [name for name in PLOTS if "artist" in inspect.signature(getattr(snn_plot, name)).parameters]
METHODS = ["bar", "barh", "imshow", "pcolormesh", "plot", "scatter", "stairs"]


def drawn_with(name, monkeypatch, **options):
    """The keywords and the artist of every call of matplotlib that a plot draws with its user's keywords."""
    calls = []

    def recorded(method, *args, **keywords):
        artist = method(*args, **keywords)
        if keywords.get("gid") == "mine":
            calls.append((keywords, artist[0] if isinstance(artist, (list, tuple)) else artist))
        return artist

    with monkeypatch.context() as patch:
        for method in METHODS:
            patch.setattr(Axes, method, functools.partialmethod(_unbound(recorded, getattr(Axes, method))))
        with_options(patch, name, gid="mine", **options)
        figure = Figure()
        film = PLOTS[name].draw(PLOTS[name].data, figure.subplots())
        FigureCanvasAgg(figure).draw()
    del film
    return calls


def _unbound(recorded, method):
    return lambda self, *args, **keywords: recorded(method, self, *args, **keywords)


def aliases_of(keyword, kind):
    """The property that a keyword sets, and its other names."""
    for prop, aliases in ArtistInspector(kind).get_aliases().items():
        if keyword in {prop, *aliases}:
            return prop, {prop, *aliases} - {keyword}
    return keyword, set()


@pytest.mark.filterwarnings("ignore:Animation was deleted:UserWarning")
@pytest.mark.parametrize("name", TAKES_ARTIST)
def test_every_name_of_a_keyword_is_accepted_and_wins_over_the_default(name, monkeypatch):
    for keywords, artist in drawn_with(name, monkeypatch):
        for keyword in keywords:
            prop, others = aliases_of(keyword, type(artist))
            value = "red" if "color" in prop else 2.75
            for other in {keyword, *others} if others else ():
                for _, redrawn in drawn_with(name, monkeypatch, **{other: value}):
                    style = getattr(redrawn, f"get_{prop}")()
                    assert to_rgba(style) == to_rgba(value) if value == "red" else style == value, other


@pytest.mark.parametrize(("name", "options"), [("training_curve", {"ms": 3}), ("traces", {"c": "k"})])
def test_two_names_of_one_keyword_are_refused(name, options, monkeypatch, ax):
    (keyword,) = options
    with_options(monkeypatch, name, **options, **dict.fromkeys(aliases_of(keyword, matplotlib.lines.Line2D)[1], 4))
    with pytest.raises(TypeError, match="aliases of one another"):
        PLOTS[name].draw(PLOTS[name].data, ax)


@pytest.mark.parametrize("name", ["confusion_matrix", "rate_heatmap", "rate_maps", "weights"])
def test_a_norm_has_limits_of_its_own(name, monkeypatch, ax):
    norm = matplotlib.colors.PowerNorm(0.5, vmin=-3, vmax=5)
    with_options(monkeypatch, name, norm=norm)
    PLOTS[name].draw(PLOTS[name].data, ax)
    (image,) = [*ax.images, *ax.collections]
    assert image.norm is norm
    assert image.get_clim() == (-3, 5)


def pictures(name, data, change=lambda: None):
    """The pixels of a plot, or of every frame of a film, if something changes between the call and the drawing."""
    figure = Figure(figsize=(2, 1.5), dpi=60)
    canvas = FigureCanvasAgg(figure)
    result = PLOTS[name].draw(data, figure.subplots())
    change()
    film = isinstance(result, snn_plot.Animation)
    frames = []
    for frame in range(result.num_frames if film else 1):
        if film:
            result.show(frame)
        canvas.draw()
        frames.append(np.asarray(canvas.buffer_rgba()).copy())
    return frames


def same(pictures, others):
    return len(pictures) == len(others) and all(map(np.array_equal, pictures, others))


WHOLE = [
    ("animated_raster", "steps_per_frame", {}),
    ("animator", "num_steps", {}),
    ("event_frames", "columns", {}),
    ("fi_curve", "num_steps", {}),
    ("isi_histogram", "bins", {}),
    ("population_activity", "window", {}),
    ("rate_heatmap", "window", {}),
    ("rate_histogram", "bins", {}),
    ("rate_maps", "columns", {}),
    ("spike_count", "num_steps", {}),
    ("spike_count", "num_steps", {"animate": True}),
    ("spike_count", "interpolate", {"animate": True, "num_steps": 2}),
]


@pytest.mark.parametrize("number", [2.0, torch.tensor(2), torch.tensor(2.0), np.int8(2), np.float32(2)], ids=repr)
@pytest.mark.parametrize(("name", "argument", "options"), WHOLE)
def test_a_whole_number_of_any_kind_is_that_number(name, argument, options, number, monkeypatch):
    function, both = getattr(snn_plot, name), []
    for value in (2, number):
        chosen = {**options, argument: value}
        # which may be among the arguments of the call already
        monkeypatch.setattr(snn_plot, name, lambda *args, _chosen=chosen, **kwargs: function(*args, **kwargs | _chosen))
        both.append(pictures(name, PLOTS[name].data))
    assert same(*both)


@pytest.mark.parametrize(
    ("name", "data", "options"),
    [
        ("event_frames", EVENTS, {"vmax": 3.0}),
        ("rate_histogram", [0, 1, 1], {"saturated": 0.5}),
        ("surrogate_curve", MEM, {"threshold": 0.5}),
        ("surrogate_curve", MEM, {"limits": (-1.0, 2.0)}),
    ],
)
def test_a_number_of_torch_is_that_number(name, data, options, monkeypatch):
    function, both = getattr(snn_plot, name), []
    for chosen in (options, tree_map(torch.tensor, options)):
        monkeypatch.setattr(snn_plot, name, functools.partial(function, **chosen))
        both.append(pictures(name, data))
    assert same(*both)


@pytest.mark.parametrize("kind", ["tensor", "array"])
@pytest.mark.parametrize("name", PLOTS)
def test_a_picture_stays_as_it_is_when_the_data_change(name, kind):
    own = PLOTS[name].data
    tensors = {key: torch.as_tensor(values).clone() for key, values in (own if name in BY_NAME else {"": own}).items()}
    series = tensors if kind == "tensor" else {key: values.numpy() for key, values in tensors.items()}
    data = series if name in BY_NAME else series[""]

    def change():
        for values in tensors.values():
            values.copy_(1 - values)

    assert same(pictures(name, data), pictures(name, data, change))


@pytest.mark.parametrize(
    ("plot", "argument", "value", "args"),
    [
        (snn_plot.fi_curve, "respond", torch.ones_like, ([0.0, 1.0],)),
        (snn_plot.surrogate_curve, "spike_grad", torch.sigmoid, ()),
        (snn_plot.training_curve, "history", [0.5, 0.25], ()),
        (snn_plot.energy_bars, "account", [1e-9, 2e-9], ()),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_two_names_of_the_same_text_are_refused(plot, argument, value, args):
    ax = Figure().subplots()
    with pytest.raises(ValueError, match=rf"^{plot.__name__}: {argument} has the keys 1 and '1', both of which"):
        plot({1: value, "1": value}, *args, ax=ax)
    plot({1: value, "one": value, None: value}, *args, ax=ax)
    assert {"one", "None"} <= {text.get_text().partition(",")[0] for text in ax.get_legend().get_texts()}
