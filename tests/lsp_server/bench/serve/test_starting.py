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


def test_one_that_hangs_up_on_whoever_asks_is_an_error_that_names_its_address() -> None:
    deaf = (
        "import socket, sys\n"
        "listening = socket.create_server(('127.0.0.1', 0))\n"
        "port = listening.getsockname()[1]\n"
        "print(f'listening on http://127.0.0.1:{port}', file=sys.stderr, flush=True)\n"
        "while True:\n"
        "    listening.accept()[0].close()\n"
    )
    with pytest.raises(BenchError, match=r"an answer of a service at 127\.0\.0\.1:\d+, found"):
        measure_service_start([sys.executable, "-c", deaf])


def test_one_that_is_never_ready_is_an_error_after_a_time() -> None:
    waking = (
        "import http.server, sys\n"
        "class Never(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_error(503)\n"
        "service = http.server.HTTPServer(('127.0.0.1', 0), Never)\n"
        "sys.stderr.write(f'listening on http://127.0.0.1:{service.server_port}\\n')\n"
        "sys.stderr.flush()\n"
        "service.serve_forever()\n"
    )
    with pytest.raises(BenchError, match=r"completes within 0\.3 s, found none"):
        measure_service_start([sys.executable, "-c", waking], patience=0.3)


def test_the_median_stands_between_least_and_most() -> None:
    starts = [ServiceStart(listening=1, ready=2, completed=each) for each in (3.0, 5.0, 4.0)]
    assert [list(column.cells) for column in service_starts_table(starts).columns][1][2] == "4.00"
