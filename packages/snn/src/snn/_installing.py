"""The command that installs a piece."""

from __future__ import annotations

__all__ = ["WHEELS", "command", "extra", "hint"]

_FIRST = "0.5"  # below it, what an index has under the name of the umbrella is another project, which pip would take
WHEELS = "with the --find-links that snn was installed with, if any"  # no index needs to have our wheels


def command(*wanted: str) -> str:
    """What to type to have something installed.

    Args:
        wanted: What pip is asked for, such as ``snn[plot]`` or ``snn-data[mnist5k]``.

    Returns:
        The command. The umbrella is asked for with the version from which on its name is ours.

    Example:
        >>> command("snn[demo]", "snn-data[vowels]")
        "pip install 'snn[demo]>=0.5' 'snn-data[vowels]'"
    """
    floored = [f"{one}>={_FIRST}" if one.partition("[")[0] == "snn" else one for one in wanted]
    return f"pip install {' '.join(map(repr, floored))}"


def hint(*wanted: str) -> str:
    """Say what to type to have pieces installed, and what that needs where the wheels are in a folder.

    Args:
        wanted: What pip is asked for, as :func:`command` takes it.

    Returns:
        The command and the hint.

    Example:
        >>> hint("snn[plot]")
        "pip install 'snn[plot]>=0.5', with the --find-links that snn was installed with, if any"
    """
    return f"{command(*wanted)}, {WHEELS}"


def extra(distribution: str) -> str:
    """The extra of the umbrella that brings one of our distributions.

    Args:
        distribution: Its name.

    Returns:
        What pip is asked for; the core has no extra, as it comes with the umbrella itself.

    Example:
        >>> extra("snn-plot"), extra("snn-core")
        ('snn[plot]', 'snn')
    """
    return "snn" if distribution in ("snn", "snn-core") else f"snn[{distribution.removeprefix('snn-')}]"
