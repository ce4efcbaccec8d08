"""The Lua of the ledger as Redis runs it: plain files, made cheaper to start where they are joined.

Redis keeps a script compiled, and yet defines its functions anew at each call. Two things made
that dear, and are seen to here, once, at the start of the process:

- A name at the top of a script is looked for by each function that uses it, past all others that
  are in use. So each file becomes a function inside of the one before, which hands its names on.
- Lua 5.1 has no constants. So `local NAME = 1` with a number is written in where it is used, and
  a record can be an array: half as dear to make as one with named fields.

From 7.0 on Redis has functions too, which stay defined: the same files make a library of them.
"""

import re
from hashlib import sha1
from importlib.resources import files

_FOLDER = files("service.ledger").joinpath("lua")
CALLS = tuple(sorted(file.name for file in _FOLDER.iterdir() if file.name[0].isdigit()))
MEMBERSHIP = ("0_record.lua", "membership.lua")

_CONSTANTS = re.compile(r"^local ([A-Z_]+(?:, [A-Z_]+)*) = (\d+(?:, \d+)*)$", re.MULTILINE)
_COMMENT = re.compile(r"\s*--.*$", re.MULTILINE)
# The second one changes nothing, so a server has it run that takes no writes at present.
_REGISTRATION = """
redis.register_function('FUNCTION_NAME', decide)
redis.register_function{
  function_name = 'FUNCTION_NAME_ready', callback = function() return 1 end, flags = {'no-writes'},
}
"""


class Script:
    """The code of the ledger's calls, in the two ways in which Redis runs it.

    `source` is for EVAL and `sha` what EVALSHA calls it by; `library` is for FUNCTION LOAD and
    `function` its name, of which the code's digest is a part: one name is always the same code.
    """

    def __init__(self) -> None:
        self.source = joined(*CALLS, last="return decide(KEYS, ARGV)")
        self.sha = _digest(self.source)
        body = joined(*CALLS, last=_REGISTRATION)
        self.function = f"callerid_{_digest(body)}"
        self.library = f"#!lua name={self.function}\n{body.replace('FUNCTION_NAME', self.function)}"


def joined(*names: str, last: str = "") -> str:
    """Read files of the ledger's Lua and join them in order.

    Args:
        names: of the files.
        last: code that stands behind them, where all of their names are known.
    """
    parts = [_COMMENT.sub("", _FOLDER.joinpath(name).read_text("utf-8")) for name in names]
    return _with_numbers("\nreturn (function()".join(parts) + last + " end)()" * len(parts[1:]))


def _with_numbers(source: str) -> str:
    for match in _CONSTANTS.finditer(source):
        for name, number in zip(match[1].split(", "), match[2].split(", "), strict=True):
            source = re.sub(rf"\b{name}\b", number, source)
    return re.sub(r"^local \d.*$", "", source, flags=re.MULTILINE)


def _digest(source: str) -> str:
    return sha1(source.encode(), usedforsecurity=False).hexdigest()
