"""docs/reference/engines.md is what the runs on other engines noted, and nothing that was typed."""

import runpy

from support import REPOSITORY


def test_the_page_is_made_of_the_record() -> None:
    record = runpy.run_path(str(REPOSITORY / "tests" / "engines" / "record.py"))
    page = (REPOSITORY / "docs" / "reference" / "engines.md").read_text()
    assert page == record["page"](record["load"]()), "uv run --project scripts python tests/engines/record.py"
