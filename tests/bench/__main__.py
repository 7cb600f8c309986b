"""`make bench`: every benchmark, a table of its figures, and bench.json. A new benchmark joins BENCHMARKS."""

from __future__ import annotations

from pathlib import Path

from tests.bench import (
    bench_accounts,
    bench_agents,
    bench_directory,
    bench_lab,
    bench_ledger,
    bench_mailbox,
    bench_mailboxes,
    bench_memory,
    bench_workers,
)
from tests.bench.report import Row, show, write

BENCHMARKS = (
    bench_mailbox.run,
    bench_mailboxes.run,
    bench_ledger.run,
    bench_memory.run,
    bench_workers.run,
    bench_lab.run,
    bench_directory.run,
    bench_accounts.run,
    bench_agents.run,
)


def main() -> None:
    rows: list[Row] = []
    for benchmark in BENCHMARKS:
        rows += benchmark()
    show(rows)
    path = Path("bench.json")
    write(rows, path)
    print(f"written to {path}")


if __name__ == "__main__":
    main()
