"""The adapter that comes with Lory: its numbers, its size, and the ledger of its training."""

import csv
import json

import numpy as np
from safetensors import safe_open

from lsp_server.cli.models.known import KNOWN

PERMISSIVE = {"mit", "apache-2.0", "bsd-3-clause", "bsd-2-clause", "isc", "psf", "unlicense"}


def test_it_holds_numbers_and_is_small() -> None:
    path = KNOWN["smollm2"].adapter
    assert path is not None
    assert path.stat().st_size < 20e6
    with safe_open(path, "np") as file:
        assert json.loads(file.metadata()["config"])["rank"] == 16
        for name in file.keys():  # noqa: SIM118 (it is no mapping)
            assert np.isfinite(file.get_tensor(name)).all(), name


def test_its_ledger_names_permissive_licences_alone() -> None:
    path = KNOWN["smollm2"].adapter
    assert path is not None
    with path.with_name("ledger.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) > 400
    assert {row["licence"] for row in rows} <= PERMISSIVE
    card = path.with_name("MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"{sum(int(row['documents']) for row in rows):,} documents" in card
