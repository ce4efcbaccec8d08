"""Pure: which pools may answer a pick, in which order."""

from service.selection.steps import Step, levels_down_to, steps_for

__all__ = ["Step", "levels_down_to", "steps_for"]
