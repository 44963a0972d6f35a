"""Spiking nets as estimators of scikit-learn."""

from snn_functional._estimators.classifier import SpikingClassifier as SpikingClassifier
from snn_functional._estimators.regressor import SpikingRegressor as SpikingRegressor
