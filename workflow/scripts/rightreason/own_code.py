"""The source of users' own networks: where it lies, and its identity by content.

Nothing of it is imported here. Standard library only: it runs whenever the workflow is parsed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

Named = tuple[str, Path]
"""A file, and its name below the folder that is put on the import path."""


def folder_of(network: str, code: str | None) -> str | None:
    """Return the folder to put on the import path for a network; None where it is installed.

    Parameters
    ----------
    network : str
        `module:Class`.
    code : str or None
        The config's `code`; modules that do not lie in it are taken for installed ones.
    """
    top = _module(network).split(".")[0]
    if code is None or not ((Path(code) / f"{top}.py").is_file() or (Path(code) / top).is_dir()):
        return None
    return code


def problem(network: str, code: str | None) -> str | None:
    """Say why the module of a network cannot be found; None where it can.

    An installed module below another is looked for by the job that builds the network: to find it
    here would be to import what stands above it.
    """
    module, folder = _module(network), folder_of(network, code)
    if folder is not None:
        path = Path(folder, *module.split("."))
        if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
            return None
        return f"there is no module {module} in the folder {folder} (code): no {path}.py"
    if code is not None and not Path(code).is_dir():
        return f"there is no folder {code} (code)"
    if any(_installed(module)):
        return None
    where = f"neither in the folder {code} (code) nor" if code else "not"
    return (
        f"the module {module} is {where} installed; name the folder that holds {module}.py as "
        "`code`, at the top level of the config"
    )


def digest(network: str, code: str | None, of: Callable[[Path], str]) -> str:
    """Digest what a network is built from: all Python files that lie beside its module.

    Parameters
    ----------
    network, code
        As for `folder_of`.
    of : callable
        Digests a file.

    Returns
    -------
    str
        Of names and contents of every `.py` below the folder `code`; of an installed module those
        of its package, or the one file that it is.
    """
    folder = folder_of(network, code)
    files = _installed(_module(network)) if folder is None else _python(Path(folder))
    total = hashlib.sha256()
    for name, path in sorted(files):
        total.update(f"{name}\n{of(path)}\n".encode(errors="surrogateescape"))
    return total.hexdigest()


def _module(network: str) -> str:
    return network.partition(":")[0]


def _installed(module: str) -> Iterator[Named]:
    """List the files of the package that holds a module, or of a module that is alone."""
    top = module.split(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    for folder in spec.submodule_search_locations or ():
        yield from _python(Path(folder))
    if not spec.submodule_search_locations and spec.origin and Path(spec.origin).is_file():
        yield Path(spec.origin).name, Path(spec.origin)


def _python(folder: Path) -> Iterator[Named]:
    """List the Python files below a folder, through links too; hidden folders are left out."""
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = [name for name in folders if not name.startswith(".") and real not in seen]
        if real not in seen:
            paths = (Path(parent, name) for name in files if name.endswith(".py"))
            yield from ((path.relative_to(folder).as_posix(), path) for path in paths)
        seen.add(real)
