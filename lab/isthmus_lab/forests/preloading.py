"""Small libraries in C that are loaded into Samba before its own; made once a forest, where there is a compiler, and
anew when their source changed."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

from isthmus_lab.forests.addresses import port_shift


def preloaded(folder: Path) -> dict[str, str]:
    """Environment variables under which Samba in `folder` loads them. RuntimeError when one that it cannot do without
    cannot be made."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    shift = port_shift()
    if compiler is None and shift:
        raise RuntimeError(
            "without root rights the forests need a C compiler once, to move their ports above 1024: "
            "install gcc, or run as root"
        )
    if compiler is None:
        return {}
    libraries = [_made("port_shift", folder, compiler)] if shift else []
    with contextlib.suppress(subprocess.CalledProcessError):  # a compiler without headers: Samba is slower
        libraries += [_made(name, folder, compiler) for name in ("untracked", "quick_keys")]
    return {"LD_PRELOAD": ":".join(map(str, libraries)), "PORTSHIFT": str(shift)}


def _made(name: str, folder: Path, compiler: str) -> Path:
    source = files("isthmus_lab.forests").joinpath(f"{name}.c")
    library = folder / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:8]}.so"
    if not library.exists():
        draft = library.with_suffix(".new")
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(draft), str(source), "-ldl"], check=True)
        draft.rename(library)
    return library
