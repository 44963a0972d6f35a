"""Estimators of scikit-learn. The first use of one imports scikit-learn, which the extra ``sklearn`` installs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snn_functional._estimators import SpikingClassifier as SpikingClassifier
    from snn_functional._estimators import SpikingRegressor as SpikingRegressor

__all__ = ["SpikingClassifier", "SpikingRegressor"]

if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("snn_functional._estimators"), name)

    def __dir__() -> list[str]:
        return __all__
