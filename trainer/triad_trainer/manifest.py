"""Manifests of directories (contracts/manifest.schema.json): SHA-256 of every file and of the whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

from triad_trainer.contract import Manifest, ManifestFile


def manifest_of(directory: Path) -> Manifest:
    """Return the manifest of all regular files below `directory`, in ascending order of path by code point.

    Raises:
        ValueError: the directory is empty or holds a symbolic link.
    """
    paths = sorted((path.relative_to(directory).as_posix(), path) for path in directory.rglob("*") if not path.is_dir())
    if linked := [name for name, path in paths if path.is_symlink()]:
        raise ValueError(f"{directory}: {linked[0]} is a symbolic link; a manifest covers plain files only")
    if not paths:
        raise ValueError(f"{directory}: no files to make a manifest of")
    files = [ManifestFile(path=name, sha256=_sha256(path), bytes=path.stat().st_size) for name, path in paths]
    lines = "".join(f"{file.sha256}  {file.bytes}  {file.path}\n" for file in files)
    return Manifest(
        sha256=hashlib.sha256(lines.encode()).hexdigest(),
        bytes=sum(file.bytes for file in files),
        files=files,
    )


def difference(expected: Manifest, directory: Path) -> str | None:
    """Say which file of `directory` first departs from `expected` and how; None when all agree."""
    found = {file.path: file for file in manifest_of(directory).files}
    for file in expected.files:
        if file.path not in found:
            return f"{file.path} is missing"
        if found[file.path].bytes != file.bytes:
            return f"{file.path} has {found[file.path].bytes} bytes, expected {file.bytes}"
        if found[file.path].sha256 != file.sha256:
            return f"{file.path} has SHA-256 {found[file.path].sha256}, expected {file.sha256}"
    extra = sorted(found.keys() - {file.path for file in expected.files})
    return f"{extra[0]} does not belong there" if extra else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
