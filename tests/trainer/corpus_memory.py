"""Peak memory of the data stages over synthetic documents, each stage in a process of its own.

python tests/trainer/corpus_memory.py 1000000
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from trainer.corpus import dedup, filters
from trainer.corpus.blocks.text_store import TextStore
from trainer.corpus.config import DedupConfig, FiltersConfig
from trainer.corpus.document import Document, DocumentWriter, document_id
from trainer.tasks.cursors import draw_documents

REPOSITORIES = 1000


def write_sources(run: Path, rows: int) -> None:
    """Short modules of drawn words, one in fifty of them a copy of an earlier one."""
    draw, text = random.Random(0), ""
    with DocumentWriter(run / "sources" / "documents") as writer:
        for number in range(rows):
            if number % 50:
                names = [f"name_{draw.randrange(10**6)}" for _ in range(24)]
                text = "".join(f"{name} = {draw.randrange(1000)}\n" for name in names)
            repo = f"owner/{draw.randrange(REPOSITORIES)}"
            writer.write(
                Document(document_id(text), "t", repo, f"a/{number}.py", "c0ffee", "mit", text)
            )


def run_filters(run: Path) -> None:
    filters.run(FiltersConfig(workers=1), {"sources": run / "sources"}, run / "filters")


def run_dedup(run: Path) -> None:
    dedup.run(DedupConfig(), {"filters": run / "filters"}, run / "dedup")


def store_texts(run: Path) -> None:
    with TextStore(run / "dedup" / "train", run / "texts") as texts:
        assert texts.text(len(texts) - 1)


def draw_starts(run: Path) -> None:
    assert len(draw_documents(run / "dedup" / "train", 100, 0)) == 100


STAGES: dict[str, Callable[[Path], None]] = {
    "filters": run_filters,
    "dedup": run_dedup,
    "text store": store_texts,
    "starts": draw_starts,
}


def measure(run: Path, stage: str) -> dict[str, float]:
    """Peak resident memory, in megabytes, and seconds of one stage in a fresh process."""
    command = [sys.executable, __file__, str(run), stage]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def measure_all(rows: int) -> dict[str, dict[str, float]]:
    """Every stage over so many documents, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        for name in ("filters", "dedup"):
            (run / name).mkdir()
        write_sources(run, rows)
        return {stage: measure(run, stage) for stage in STAGES}


def main(words: list[str]) -> None:
    if len(words) == 2:
        run, stage = words
        started = time.monotonic()
        STAGES[stage](Path(run))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        told = {"megabytes": round(peak), "seconds": round(time.monotonic() - started)}
    else:
        told = measure_all(int(words[0]))  # type: ignore[assignment]
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
