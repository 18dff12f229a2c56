"""The team that asks a service: who is in it, and what is summed up of its requests."""

import pytest

from lsp_server.bench.serve.batching import BatchTime, batch_table
from lsp_server.bench.serve.developers import Asked, plugins_for
from lsp_server.bench.serve.load import sum_up


def test_a_team_has_the_usual_mix_of_plugins() -> None:
    team = plugins_for(100)
    assert {name: team.count(name) for name in set(team)} == {
        "debounced": 70,
        "llama.vim": 15,
        "minuet": 10,
        "tabby": 5,
    }
    assert len(plugins_for(1)) == len({*plugins_for(3), "x"}) - 1 == 1


def test_times_are_of_answered_requests_alone() -> None:
    asked = [Asked(0.01, 200), Asked(0.03, 200), Asked(9.0, 0), Asked(0.002, 503)]
    asked += [Asked(0.004, 429), Asked(5.0, 500), Asked(5.0, -1)]
    found = sum_up(3, 2.0, asked, 50.0, 60.0)
    assert (found.answered, found.shed, found.hung_up, found.failed) == (2, 2, 1, 2)
    assert found.p50 == pytest.approx(20)
    assert found.shed_p95 == pytest.approx(3.9)
    assert found.per_second == 1.0


def test_a_batch_is_compared_with_a_prompt_alone() -> None:
    table = batch_table([BatchTime(1, 600, 1.0), BatchTime(4, 600, 2.0)])
    assert [list(column.cells)[-1] for column in table.columns] == ["4", "2.00", "0.50", "2.0"]
