"""All that knows that we are on a GitHub runner. Nothing else reads GITHUB_* variables."""

import os


def on_runner() -> bool:
    """Whether a workflow runs us. Never decided by `isatty`: some executors give steps a terminal."""
    return os.environ.get("GITHUB_ACTIONS") == "true"
