"""As much of kustomize as `deploy/kubernetes` uses; whatever else it meets there is a failure.

Not done: the hash that kustomize puts behind a generated ConfigMap's name.
"""

from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
KNOWN = {"apiVersion", "kind", "resources", "configMapGenerator", "images", "patches"}


def resolved(folder: Path) -> list[Manifest]:
    """All that a kustomization makes."""
    wanted = _read(folder / "kustomization.yaml")[0]
    assert set(wanted) <= KNOWN
    found = [
        manifest
        for resource in wanted.get("resources", ())
        for manifest in _resource((folder / resource).resolve())
    ]
    found += [_config_map(folder, each) for each in wanted.get("configMapGenerator", ())]
    for patch in wanted.get("patches", ()):
        (target,) = [one for one in found if _is(one, patch["target"])]
        for operation in _read(folder / patch["path"])[0]:
            _apply(target, operation)
    for image in wanted.get("images", ()):
        for container in _containers(found):
            if container["image"] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"
    return found


def _resource(path: Path) -> list[Manifest]:
    return resolved(path) if path.is_dir() else _read(path)


def _read(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def _config_map(folder: Path, wanted: Manifest) -> Manifest:
    assert set(wanted) == {"name", "files"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": wanted["name"]},
        "data": {Path(name).name: (folder / name).read_text("utf-8") for name in wanted["files"]},
    }


def _is(manifest: Manifest, target: Manifest) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) == (target["kind"], target["name"])


def _apply(manifest: Manifest, operation: Manifest) -> None:
    """One operation of a JSON patch (RFC 6902)."""
    place: Any = manifest
    *path, last = [
        int(step) if step.isdigit() else step for step in operation["path"].split("/")[1:]
    ]
    for step in path:
        place = place[step]
    if operation["op"] == "test":
        assert place[last] == operation["value"]
    else:
        assert operation["op"] == "replace"
        assert place[last] is not None
        place[last] = operation["value"]


def _containers(manifests: list[Manifest]) -> list[Manifest]:
    pods = [
        one["spec"]["template"]["spec"] for one in manifests if "template" in one.get("spec", {})
    ]
    return [container for pod in pods for container in pod["containers"]]
