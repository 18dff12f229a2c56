"""Today's figures as an administrator sees them in a real browser."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Error, sync_playwright

from lsp_server.http.people.keys import add_key
from tests.http_service import StartService, script_arguments
from tests.scripted import Rules, Script

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@pytest.mark.slow
def test_an_administrator_sees_everybodys_day_and_no_name_is_markup(
    start_service: StartService,
    write_script: Callable[[Rules], Script],
    tmp_path: Path,
) -> None:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        assert not os.environ.get("LORY_NEED_EDITORS"), "no browser"
        pytest.skip("no browser")
    keys = tmp_path / "state" / "keys.json"
    bold = add_key(keys, "<b id='bold'>ben</b>")
    root = add_key(keys, "root", admin=True)
    script = write_script([{"after": "", "completion": "x = 1"}])
    service = start_service(*script_arguments(script, "--engines", "1"))
    for _ in range(3):
        service.post("/v1/completions", {"prompt": "a"}, {"x-api-key": bold})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        context = browser.new_context(http_credentials={"username": "any", "password": root})
        page = context.new_page()
        answered = page.goto(f"http://127.0.0.1:{service.port}/admin")
        assert answered is not None
        assert answered.status == 200
        row = page.locator("#people tbody tr").first
        assert row.locator("td").nth(0).inner_text() == "<b id='bold'>ben</b>"
        assert [row.locator("td").nth(at).inner_text() for at in (1, 2, 3)] == ["3", "3", "0"]
        assert page.locator("#bold").count() == 0
        assert "scripted" in page.locator("#state").inner_text()
        stranger = browser.new_context().new_page()
        with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
            stranger.goto(f"http://127.0.0.1:{service.port}/admin")
        browser.close()
