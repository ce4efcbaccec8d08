"""The Lua of the ledger as Redis runs it: plain files, made cheaper to start where they are joined.

Redis keeps a script compiled, and yet defines its functions anew at each call. Two things made
that dear, and are seen to here, once, at the start of the process:

- A name at the top of a script is looked for by each function that uses it, past all others that
  are in use. So each file becomes a function inside of the one before, which hands its names on.
- Lua 5.1 has no constants. So `local NAME = 1` with a number is written in where it is used, and
  a record can be an array: half as dear to make as one with named fields.
"""

import re
from hashlib import sha1
from importlib.resources import files

CALLS = (
    "0_record.lua",
    "1_reading.lua",
    "2_candidates.lua",
    "3_callers.lua",
    "4_callees.lua",
    "5_picks.lua",
    "6_operations.lua",
    "7_writing.lua",
)
MEMBERSHIP = ("0_record.lua", "membership.lua")

_CONSTANTS = re.compile(r"^local ([A-Z_]+(?:, [A-Z_]+)*) = (\d+(?:, \d+)*)$", re.MULTILINE)
_COMMENT = re.compile(r"\s*--.*$", re.MULTILINE)


class Script:
    """Lua of the ledger, and what Redis calls it by; several files are one script, in order."""

    def __init__(self, *names: str) -> None:
        folder = files("service.ledger").joinpath("lua")
        parts = [_COMMENT.sub("", folder.joinpath(name).read_text("utf-8")) for name in names]
        self.source = _with_numbers("\nreturn (function()".join(parts) + " end)()" * len(parts[1:]))
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()


def _with_numbers(source: str) -> str:
    for match in _CONSTANTS.finditer(source):
        for name, number in zip(match[1].split(", "), match[2].split(", "), strict=True):
            source = re.sub(rf"\b{name}\b", number, source)
    return re.sub(r"^local \d.*$", "", source, flags=re.MULTILINE)
