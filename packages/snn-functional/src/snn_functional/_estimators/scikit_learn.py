"""Names of scikit-learn that the estimators use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

try:
    from sklearn import base
    from sklearn.preprocessing import LabelEncoder as LabelEncoder
    from sklearn.utils import check_random_state as check_random_state
    from sklearn.utils.multiclass import check_classification_targets as check_classification_targets
    from sklearn.utils.validation import check_is_fitted as check_is_fitted
    from sklearn.utils.validation import validate_data as validate_data
except ImportError as error:
    raise ImportError(
        "snn_functional.sklearn: scikit-learn 1.6 or newer is not installed. Fix: pip install 'snn-functional[sklearn]'"
    ) from error

if TYPE_CHECKING:  # scikit-learn has no types

    class Estimator:
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...
        def __sklearn_tags__(self) -> Any: ...

    class Classifier: ...

    class Regressor: ...

else:
    Estimator, Classifier, Regressor = base.BaseEstimator, base.ClassifierMixin, base.RegressorMixin
