"""What the Dockerfile says, done in a folder that stands in for the image: no engine is needed.

Each COPY and RUN in their order, every absolute path within the folder. Debian's packages and users
are the machine's own business: what makes them is noted and not done.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from tests.deploy.prometheus import ROOT

NOT_DONE = ("apt-get", "groupadd", "useradd")
ABSOLUTE = re.compile(r"(?<![\w.*/-])/(?=\w)")


class Step(NamedTuple):
    """An instruction and what follows it, on one line."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Of its JSON form, or of a shell's line; a HEALTHCHECK's are those of its command."""
        text = self.text.rpartition("CMD ")[2]
        if text.startswith("["):
            words: list[str] = json.loads(text)
            return words
        return shlex.split(text)


def stages() -> list[list[Step]]:
    """The Dockerfile's steps, from each FROM to the next."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    found: list[list[Step]] = []
    for line in filter(None, lines):
        step = Step(*line.split(maxsplit=1))
        if step.name == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def context() -> Iterator[Path]:
    """The files that `.dockerignore` lets through, relative to the checkout."""
    rules = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [rule.rstrip("/") for rule in rules if rule and not rule.startswith("#")]
    for path in sorted(ROOT.rglob("*")):
        relative = path.relative_to(ROOT)
        if relative.parts[0] != ".venv" and path.is_file() and not _is_ignored(relative, rules):
            yield relative


def _is_ignored(path: Path, rules: list[str]) -> bool:
    ignored = False
    names = [str(path), *map(str, path.parents)][:-1]
    for rule in rules:
        pattern = rule.removeprefix("!")
        anywhere = pattern.removeprefix("**/")
        parts = path.parts if anywhere != pattern else names
        if any(fnmatchcase(part, anywhere) for part in parts):
            ignored = not rule.startswith("!")
    return ignored


def built(folder: Path) -> Path:
    """Do all stages; the last one's paths are in the folder that is returned."""
    checkout = folder / "context"
    for path in context():
        _copy(ROOT / path, checkout / path)
    image = folder / "image"
    programs = _noted(folder)
    for stage in stages():
        work = image
        for step in stage:
            if step.name == "WORKDIR":
                work = image / step.text.lstrip("/")
                work.mkdir(parents=True)
            elif step.name == "COPY":
                _copy_all(checkout, step.words, work)
            elif step.name == "RUN":
                _run(ABSOLUTE.sub(f"{image}/", step.text), work, programs)
    return image


def environment(image: Path) -> dict[str, str]:
    """The ENV of the last stage."""
    pairs = (pair for step in stages()[-1] if step.name == "ENV" for pair in step.words)
    env = dict(pair.split("=", 1) for pair in pairs)
    env["PATH"] = env["PATH"].replace("$PATH", os.environ["PATH"])
    return {name: ABSOLUTE.sub(f"{image}/", value) for name, value in env.items()}


def _copy_all(checkout: Path, words: list[str], work: Path) -> None:
    *sources, to = words
    target = work / to.lstrip("/")
    if sources[0].startswith("--from"):
        assert target.exists(), "from another stage, whose folder is the same here"
        return
    for source in map(checkout.joinpath, sources):
        assert source.exists(), f"{source.name} is copied, and ignored by .dockerignore"
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            _copy(source, target / source.name if to.endswith("/") else target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _run(line: str, work: Path, programs: Path) -> None:
    work.mkdir(exist_ok=True)
    env = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": sys.executable,
    }
    done = subprocess.run(
        ["sh", "-ec", line], cwd=work, env=env, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def _noted(folder: Path) -> Path:
    programs = folder / "programs"
    programs.mkdir()
    for name in NOT_DONE:
        (programs / name).write_text("#!/bin/sh\n", "utf-8")
        (programs / name).chmod(0o755)
    return programs
