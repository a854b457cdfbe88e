"""Makes docs/pictures from real runs of the sample app: `make pictures` (an engine, chromium, about two minutes)."""

import io
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "pictures"
WIDTH = 100  # columns
LIVE = re.compile(r"(?s)\x1b\[\?25l.*\x1b\[\?25h")  # from where the cursor is hidden until it is back
SHOTS = (("page-light", 1280, "light"), ("page-dark", 1280, "dark"), ("page-narrow", 360, "light"))


def on_a_terminal(*words: str, code: int = 0, **environment: str) -> str:
    """What a command leaves on a real terminal when it is over; it must end with this exit code."""
    pid, master = pty.fork()
    if not pid:
        os.environ.update({"TERM": "xterm-256color", **environment})
        os.execvp(sys.executable, [sys.executable, "-m", "slipway", *words])
    termios.tcsetwinsize(master, (40, WIDTH))
    said = b""
    try:
        while chunk := os.read(master, 65536):
            said += chunk
    except OSError:
        pass  # so a terminal ends on Linux
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if ended != code:
        sys.exit(f"`slipway {' '.join(words)}` ended with {ended}, so no picture is made:\n{said.decode()}")
    return LIVE.sub("", said.decode()).replace("\r", "")


def draw(name: str, command: str, said: str) -> None:
    """A terminal's text as a picture that loads no font from anywhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
    console.print(Text.from_ansi(re.sub(r"\x1b\[[0-9;?]*[A-HJKhl]", "", said).strip("\n")))
    svg = re.sub(r"(?s)@font-face \{.*?\}", "", console.export_svg(title=command))
    (FOLDER / name).write_text(svg.replace("Fira Code", "ui-monospace, DejaVu Sans Mono"), encoding="utf-8")


def photograph(page: Path) -> None:
    """report.html, wide and narrow, light and dark."""
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, width, scheme in SHOTS:
            shown = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            shown.goto(page.as_uri())
            shown.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


def main() -> None:
    """Run, unchanged and broken, in a clone that goes again, and make the pictures."""
    FOLDER.mkdir(exist_ok=True)
    os.environ.pop("MAKELEVEL", None)
    with socket.create_server(("127.0.0.1", 0)) as app, socket.create_server(("127.0.0.1", 0)) as registry:
        os.environ["SLIPWAY_PORT"] = str(app.getsockname()[1])
        port = str(registry.getsockname()[1])
    os.environ["SLIPWAY_PUBLISH_REGISTRY_PORT"] = port  # one of its own: the usual one may be at work for others
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample"
        subprocess.run(["git", "clone", "--quiet", ROOT, sample], check=True)
        os.chdir(sample)
        try:
            pictures(sample)
        finally:
            subprocess.run([sys.executable, "-m", "slipway", "stop"], check=False)
            remove("image", f"reference=localhost:{port}/sample", "reference=slipway.invalid/sample")
            remove("volume", f"name=slipway-registry-{port}", "name=slipway-sample-")
            os.chdir(ROOT)


def remove(kind: str, *filters: str) -> None:
    """What the runs left in the engine."""
    chosen = [word for one in filters for word in ("--filter", one)]
    listed = subprocess.run(["docker", kind, "ls", "--quiet", *chosen], capture_output=True, text=True, check=False)
    subprocess.run(["docker", kind, "rm", "--force", *set(listed.stdout.split())], check=False, capture_output=True)


def pictures(sample: Path) -> None:
    """The runs, each shown as it was."""
    draw("run.svg", "slipway run", on_a_terminal("run", "--fresh"))
    photograph((sample / ".slipway" / "latest" / "report.html").resolve())
    draw("again.svg", "slipway run", on_a_terminal("run"))
    draw(
        "red.svg",
        "APP_FAIL=test slipway run --until test",
        on_a_terminal("run", "--until", "test", code=1, APP_FAIL="test"),
    )
    draw("runs.svg", "slipway runs", on_a_terminal("runs"))


if __name__ == "__main__":
    main()
