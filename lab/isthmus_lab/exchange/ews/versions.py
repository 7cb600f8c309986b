"""The versions of Exchange that the server can be: build numbers and the schema versions each one knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# RequestServerVersion values, oldest first.
SCHEMAS: Final = (
    "Exchange2007",
    "Exchange2007_SP1",
    "Exchange2010",
    "Exchange2010_SP1",
    "Exchange2010_SP2",
    "Exchange2013",
    "Exchange2013_SP1",
    "Exchange2016",
)


def is_newer(schema: str, other: str) -> bool:
    """Whether the first schema version came after the second."""
    return SCHEMAS.index(schema) > SCHEMAS.index(other)


@dataclass(frozen=True)
class Version:
    """A build of Exchange; ``schema`` is the newest RequestServerVersion it accepts, ``label`` what it calls itself.

    ``max_request_bytes`` is what IIS lets through: 25 MB in 2010 ("UploadItems operation"), 64 MB since ("Message size
    limits of Exchange Web Services").
    """

    build: tuple[int, int, int, int]
    schema: str
    label: str
    max_request_bytes: int = 67_108_864

    def knows(self, schema: str) -> bool:
        """Whether a client may ask for that schema version."""
        return schema in SCHEMAS and not is_newer(schema, self.schema)


VERSIONS: Final = {
    "Exchange2010": Version((14, 0, 639, 21), "Exchange2010", "Exchange2010", 26_214_400),
    "Exchange2010_SP2": Version((14, 2, 247, 5), "Exchange2010_SP2", "Exchange2010_SP2", 26_214_400),
    "Exchange2013": Version((15, 0, 1497, 2), "Exchange2013_SP1", "V2_23"),
    "Exchange2016": Version((15, 1, 2507, 6), "Exchange2016", "V2017_07_11"),
    "Exchange2019": Version((15, 2, 1544, 4), "Exchange2016", "V2017_07_11"),
    "ExchangeSE": Version((15, 2, 2562, 17), "Exchange2016", "V2017_07_11"),
}
