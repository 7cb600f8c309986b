"""Build hook: compiles every .proto below this folder to Python, with types, into ``gen/``.

It also runs by hand (``make proto``) wherever grpcio-tools and mypy-protobuf are installed.
"""

from __future__ import annotations

import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def compile_protos(here: Path = HERE) -> None:
    """Write ``gen/isthmus/**/*_pb2.py``, ``*_pb2_grpc.py`` and their ``.pyi`` files anew.

    Raises SystemExit with protoc's own message when a .proto file does not compile.
    """
    from grpc_tools import protoc

    out = here / "gen"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    sources = sorted(str(path.relative_to(here)) for path in (here / "isthmus").rglob("*.proto"))
    plugins = Path(sys.executable).parent
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={here}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
            f"--python_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_out={out}",
            f"--mypy_grpc_out={out}",
            *(str(here / source) for source in sources),
        ]
    )
    if status:
        raise SystemExit(f"protoc failed with status {status} on {len(sources)} files")
    (out / "isthmus" / "py.typed").touch()


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, outside a build
    BuildHookInterface = None  # type: ignore[assignment, misc]

if BuildHookInterface is not None:

    class CompileProtos(BuildHookInterface):  # type: ignore[type-arg]
        """Runs before hatchling collects the files of a wheel."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
            compile_protos(Path(self.root))


if __name__ == "__main__":
    compile_protos()
