"""Class-wide attributes that users of other packages look for, and what to use in their place."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["GONE", "Gone"]

GONE = {
    "instances": "there is no list of all neurons; snn.utils.reset(net) resets the neurons of one net",
    "init": "there is no list of all neurons to empty; snn.utils.reset(net) resets the neurons of one net",
    "detach_hidden": "states belong to a net: snn.utils.detach(net)",
    "reset_hidden": "states belong to a net: snn.utils.reset(net)",
}


class Gone:
    """A class attribute that does not exist, whose AttributeError names the remedy."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__}.{self.name} does not exist: {GONE[self.name]}")
