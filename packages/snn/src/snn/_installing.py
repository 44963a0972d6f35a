"""The command that installs a piece."""

from __future__ import annotations

__all__ = ["WHEELS", "command", "extra", "hint"]

_FIRST = "0.5"  # below it, an index has another project under the name of the umbrella, which pip would install
WHEELS = "with the --find-links that snn was installed with, if any"  # no index needs to have our wheels


def command(*wanted: str) -> str:
    """Return the command that installs something.

    Args:
        wanted: Arguments of pip, such as ``snn[plot]`` or ``snn-data[mnist5k]``.

    Returns:
        The command. The umbrella gets the first version under which its name is ours.

    Example:
        >>> command("snn[demo]", "snn-data[vowels]")
        "pip install 'snn[demo]>=0.5' 'snn-data[vowels]'"
    """
    floored = [
        f"{requirement}>={_FIRST}" if requirement.partition("[")[0] == "snn" else requirement for requirement in wanted
    ]
    return f"pip install {' '.join(map(repr, floored))}"


def hint(*wanted: str) -> str:
    """Return the command that installs pieces, and a hint for wheels in a folder.

    Args:
        wanted: Arguments of pip, as for :func:`command`.

    Returns:
        The command and the hint.

    Example:
        >>> hint("snn[plot]")
        "pip install 'snn[plot]>=0.5', with the --find-links that snn was installed with, if any"
    """
    return f"{command(*wanted)}, {WHEELS}"


def extra(distribution: str) -> str:
    """Return the extra of the umbrella that installs one of our distributions.

    Args:
        distribution: Its name.

    Returns:
        The argument of pip; the core has no extra, as it comes with the umbrella itself.

    Example:
        >>> extra("snn-plot"), extra("snn-core")
        ('snn[plot]', 'snn')
    """
    return "snn" if distribution in ("snn", "snn-core") else f"snn[{distribution.removeprefix('snn-')}]"
