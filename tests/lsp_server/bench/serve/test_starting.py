"""How soon a service answers after its start."""

import sys

import pytest

from lsp_server.bench.serve.starting import (
    ServiceStart,
    measure_service_start,
    measure_service_starts,
    service_starts_table,
)
from lsp_server.errors import BenchError

pytest.importorskip("uvicorn")


def test_a_service_listens_is_ready_and_completes_in_this_order() -> None:
    (start,) = measure_service_starts(1)
    assert 0 < start.listening < start.ready < start.completed


def test_one_that_ends_is_an_error_with_its_last_words() -> None:
    words = "import sys; sys.stderr.write('no bundle\\n')"
    with pytest.raises(BenchError, match="one that ended: no bundle"):
        measure_service_start([sys.executable, "-c", words])


def test_the_median_stands_between_least_and_most() -> None:
    starts = [ServiceStart(listening=1, ready=2, completed=each) for each in (3.0, 5.0, 4.0)]
    assert [list(column.cells) for column in service_starts_table(starts).columns][1][2] == "4.00"
