"""What `make` installs is what is locked, to the hash, whatever anybody has released since."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.prometheus import ROOT

pytestmark = pytest.mark.no_cover  # it runs none of the service

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LATER = "9999.0"
NEWEST = "3.14"
# A few of the lock that need nothing else: a wheel, what is built from source, and pytest-cov,
# which wishes for an extra of coverage.
RUNTIME = ("idna", "phone")
TOOLS = ("coverage", "iniconfig", "packaging", "pluggy", "pygments", "pytest", "pytest-cov")
DEV = (*RUNTIME, *TOOLS, "setuptools")
OVERTAKEN = ("coverage", "idna", "phone", "setuptools")


def entries(name: str) -> dict[str, str]:
    """The entries of a lock for this machine, as they stand there, by the package's name."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    blocks = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)[1:]
    here = [block for block in blocks if applies(Requirement(block.partition(" \\\n")[0]))]
    return {canonicalize_name(block.partition("==")[0]): block for block in here}


def pins(name: str) -> dict[str, Requirement]:
    """What a lock pins on this machine."""
    return {
        package: Requirement(block.partition(" \\\n")[0])
        for package, block in entries(name).items()
    }


def applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def wished_for(first: Iterable[str]) -> Iterator[Requirement]:
    """These requirements and, by what is installed, those of each package among them."""
    waiting = [Requirement(each) for each in first]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wish = waiting.pop()
        yield wish
        key = canonicalize_name(wish.name), frozenset(wish.extras)
        if key in seen:
            continue
        seen.add(key)
        needs = [Requirement(each) for each in needs_of(wish.name)]
        extras = ("", *wish.extras)
        waiting += [need for need in needs if any(applies(need, extra) for extra in extras)]


def needs_of(package: str) -> list[str]:
    try:
        return distribution(package).requires or []
    except PackageNotFoundError:  # it is not locked, so it was not installed
        return []


DEPENDENCIES: list[str] = PROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
TRACED = DEPENDENCIES + EXTRAS["otel"]
DEVELOPMENT = TRACED + EXTRAS["dev"]
BUILD: list[str] = PROJECT["dependency-groups"]["build"]
RESOLVER: list[str] = PROJECT["dependency-groups"]["lock"]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("build", BUILD),
        ("runtime", DEPENDENCIES),
        ("otel", TRACED),
        ("dev", DEVELOPMENT),
        ("lock", RESOLVER),
    ],
)
def test_a_lock_pins_all_that_the_project_needs_and_nothing_else(
    name: str, first: list[str]
) -> None:
    pinned = pins(name)
    wishes = [(canonicalize_name(wish.name), wish) for wish in wished_for(first)]
    assert {package for package, _ in wishes} == set(pinned), "run `make lock`"
    for package, wish in wishes:
        (pin,) = pinned[package].specifier
        assert wish.specifier.contains(pin.version, prereleases=True), f"run `make lock`: {wish}"


def test_what_builds_the_package_is_what_is_locked() -> None:
    assert PROJECT["build-system"]["requires"] == BUILD


def test_nothing_is_installed_or_built_without_a_hash() -> None:
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", "")
    installs = re.findall(r"\$\(PIP\) (.*)", text)
    assert len(installs) == 4
    for options in installs:
        assert re.search(r"--require-hashes|--no-index", options), options
        assert re.search(r"--only-binary :all:|--no-build-isolation", options), options
    # What is resolved may have to be built, to learn what it wishes for.
    assert "--build-constraint requirements/build.txt" in text
    for path in (ROOT / "Dockerfile", *(ROOT / ".ci").iterdir()):
        assert not re.search(r"(pip3?|pipx|uv|npm) (install|ci)", path.read_text("utf-8")), path


@pytest.mark.parametrize("name", ["build", "runtime", "otel", "dev", "lock"])
def test_a_lock_has_a_hash_of_each_package_and_no_index(name: str) -> None:
    assert all("--hash=sha256:" in block for block in entries(name).values())
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    assert "://" not in text
    assert "index" not in text.replace("importlib", "")


def pinned(block: str) -> list[str]:
    """The version and the hashes of an entry, without its marker and its comments."""
    lines = [line.strip(" \\") for line in block.splitlines() if "#" not in line]
    return [line.partition(" ;")[0] for line in lines]


def test_the_locks_pin_the_same_versions_by_the_same_hashes() -> None:
    everything = entries("dev")
    for name in ("build", "runtime", "otel"):
        for package, block in entries(name).items():
            assert pinned(everything[package]) == pinned(block)


def test_later_releases_change_nothing_of_what_is_installed(tmp_path: Path) -> None:
    checkout, index = tmp_path / "checkout", tmp_path / "index"
    a_small_checkout(checkout)
    for package in OVERTAKEN:
        release(index, package)
    make(checkout, index, "install")
    assert installed(checkout) == versions("build", ["setuptools"]) | versions("runtime", RUNTIME)
    make(checkout, index, ".venv/.tools")
    assert installed(checkout) == versions("dev", DEV)


def test_what_is_compiled_has_a_wheel_for_the_newest_python(tmp_path: Path) -> None:
    """This one's are installed; those between come with both."""
    compiled = [package for package in pins("runtime") if is_compiled(package)]
    assert len(compiled) > 5
    lock = tmp_path / "compiled.txt"
    lock.write_text("".join(entries("runtime")[package] for package in compiled), "utf-8")
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"),
        *("--only-binary=:all:", f"--python-version={NEWEST}", f"--dest={tmp_path}"),
        f"--requirement={lock}",
    )
    assert len(list(tmp_path.glob("*.whl"))) == len(compiled)


def is_compiled(package: str) -> bool:
    return "Root-Is-Purelib: false" in (distribution(package).read_text("WHEEL") or "")


def a_small_checkout(folder: Path) -> None:
    """The Makefile as it is, over a package without code that needs a few of the lock."""
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    for name in ("Makefile", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for lock, names in (("runtime", RUNTIME), ("dev", DEV)):
        path = folder / "requirements" / f"{lock}.txt"
        path.write_text("".join(entries(lock)[name] for name in names), "utf-8")
    text = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.ruff]")[0]
    kept = [line for line in text.splitlines() if not is_left_out(line)]
    (folder / "pyproject.toml").write_text("\n".join(kept), "utf-8")
    (folder / "service").mkdir()
    (folder / "service/__init__.py").touch()


def is_left_out(line: str) -> bool:
    needed = re.match(r' {4}"([a-zA-Z0-9_-]+)', line)
    return needed is not None and canonicalize_name(needed[1]) not in {*RUNTIME, *TOOLS}


def release(index: Path, package: str) -> None:
    """Put a later release of a package on a simple index."""
    folder = index / package
    folder.mkdir(parents=True)
    info = f"{package}-{LATER}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {LATER}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    wheel = folder / f"{package}-{LATER}-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        record = "".join(f"{name},sha256={digest(text)},\n" for name, text in files.items())
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>', "utf-8")


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def versions(lock: str, packages: Iterable[str]) -> dict[str, str]:
    return {package: str(pins(lock)[package].specifier)[2:] for package in packages}


def installed(checkout: Path) -> dict[str, str]:
    """What is in the environment of a checkout, but for itself and pip."""
    (site,) = checkout.glob(".venv/lib/python*/site-packages")
    found = [path.name.split("-")[:2] for path in site.glob("*.dist-info")]
    named = {canonicalize_name(name): release.removesuffix(".dist") for name, release in found}
    return {name: release for name, release in named.items() if name not in {"callerid", "pip"}}


def make(checkout: Path, index: Path, target: str) -> None:
    run(
        *("make", "-C", str(checkout), f"PYTHON={sys.executable}", target),
        PIP_EXTRA_INDEX_URL=index.as_uri(),
    )


def run(*words: str, **environment: str) -> None:
    done = subprocess.run(
        words, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    told = done.stdout + done.stderr
    if "No matching distribution found" in told and not os.environ.get("CI"):
        pytest.skip("no package index is within reach")
    assert done.returncode == 0, told
