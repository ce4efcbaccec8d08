"""The CCC emulator: a signed look-alike of Alibaba Cloud CCC for the demo and the tests."""

from service.emulator.faults import Faults
from service.emulator.sample import load_inventory, phone_number, skill_groups
from service.emulator.server import Emulator, running

__all__ = ["Emulator", "Faults", "load_inventory", "phone_number", "running", "skill_groups"]
