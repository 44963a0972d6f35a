"""Estimators of scikit-learn: the names of ``snn_functional.sklearn``."""

from snn_functional.sklearn import *  # noqa: F403
from snn_functional.sklearn import __all__ as __all__
