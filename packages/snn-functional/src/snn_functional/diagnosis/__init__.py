"""A search for faults of a net: before it is trained, or because it does not learn."""

from snn_functional.diagnosis.examination import diagnose
from snn_functional.diagnosis.finding import Finding
from snn_functional.diagnosis.limits import Limits
from snn_functional.diagnosis.report import Diagnosis

__all__ = ["diagnose", "Diagnosis", "Finding", "Limits"]
