"""What whoever dials may write gets nowhere in the dialplans of the manual but through a filter."""

import re
from pathlib import Path

import pytest

from tests.integrations.programs import PAGES

DIALPLANS = [PAGES / name / "extensions.conf" for name in ("asterisk", "vicidial")]
each_dialplan = pytest.mark.parametrize("path", DIALPLANS, ids=lambda path: path.parent.name)


def lines(path: Path) -> list[str]:
    """The dialplan's priorities, without its comments."""
    text = path.read_text("utf-8")
    return [line for line in text.splitlines() if re.match(r" same|exten ", line)]


@each_dialplan
def test_the_dialled_extension_is_only_filtered_and_measured(path: Path) -> None:
    taken = re.compile(r"\$\{(FILTER\(0-9\+,|LEN\()\$\{EXTEN(:1)?\}\)\}")
    for line in lines(path):
        assert "EXTEN" not in taken.sub("", line), line


@each_dialplan
def test_what_is_dialled_is_the_filtered_number_and_nothing_else_sets_it(path: Path) -> None:
    dials = [line for line in lines(path) if "Dial(" in line]
    sets = [line for line in lines(path) if "Set(CALLED=" in line]
    assert len(dials) == len(sets) == 1
    (dialled,) = re.findall(r"Dial\((.*)\)$", dials[0])
    variables = re.findall(r"\$\{([A-Z_]+)\}", dialled)
    assert variables in (["TRUNK_TECH", "CALLED"], ["TRUNK", "CALLED"])
    assert re.search(r"Set\(CALLED=\$\{FILTER\(0-9\+,\$\{EXTEN(:1)?\}\)\}\)$", sets[0])


@each_dialplan
def test_a_number_that_the_filter_changed_is_refused_before_anybody_is_asked(path: Path) -> None:
    check = re.compile(
        r"GotoIf\(\$\[\$\{LEN\(\$\{CALLED\}\)\} != \$\{LEN\(\$\{EXTEN(:1)?\}\)\} "
        r'\| \$\{REGEX\("\^\[\+\]\?\[0-9\]\+\$" \$\{CALLED\}\)\} = 0\]\?'
        r"(callerid-refused,InvalidCalledNumber,1|refused)\)$"
    )
    (checked,) = (at for at, line in enumerate(lines(path)) if check.search(line))
    used = [
        at for at, line in enumerate(lines(path)) if re.search(r"(CURL|AGI|Dial)\(.*CALLED", line)
    ]
    assert used
    assert checked < min(used)


def test_vicidial_calls_nobody_for_whom_nothing_was_picked() -> None:
    dialplan = lines(PAGES / "vicidial" / "extensions.conf")
    asked = next(at for at, line in enumerate(dialplan) if "AGI(callerid.agi,pick" in line)
    assert any(line.endswith("Set(CALLERID_CALL=)") for line in dialplan[:asked])
    assert dialplan[asked + 1].endswith('GotoIf($["${CALLERID_CALL}" = ""]?refused)')
