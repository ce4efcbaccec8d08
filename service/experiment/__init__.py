"""The holdout: is a local number answered more often than one from anywhere?

A share of the callees who could be shown a local number gets numbers from anywhere; how both arms
are answered is counted and compared. What is shown within an arm is for the picks to decide.
"""

from service.experiment.arms import arm_name, arm_of
from service.experiment.experiment import Experiment

__all__ = ["Experiment", "arm_name", "arm_of"]
