"""Pure: which pools may answer a pick, in which order."""

from service.selection.steps import Step, Wish, levels_down_to, steps_for

__all__ = ["Step", "Wish", "levels_down_to", "steps_for"]
