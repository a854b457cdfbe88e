"""What commit this is, and whether the working tree differs from it."""

from dataclasses import dataclass
from pathlib import Path

from slipway.tools import process


@dataclass(frozen=True)
class Source:
    """Where the code came from."""

    commit: str = ""  # full SHA-1; empty outside a repository
    branch: str = ""  # as git names it: hostile text, never to be used as it is
    changed: int = 0  # files that differ from the commit
    committed: int = 0  # Unix time of the commit

    @property
    def dirty(self) -> bool:
        """Whether what lies here is anything else than the commit."""
        return self.changed > 0 or not self.commit


async def source(root: Path) -> Source:
    """The state of the repository that holds `root`; an empty Source where there is none."""
    try:
        head, status = await process.together(
            # Spelled out, so that nobody's configuration adds a signature or hides untracked files.
            process.run("git", "log", "-1", "--no-show-signature", "--format=%H %ct", cwd=root, timeout=20),
            process.run(
                "git", "status", "--porcelain=v1", "-b", "--untracked-files=normal", "--", ".", cwd=root, timeout=60
            ),
        )
    except FileNotFoundError:
        return Source()
    if not head.ok or not status.ok:
        return Source()
    commit, committed = head.out.split()
    first, *files = status.out.splitlines()
    branch = first.removeprefix("## ").split("...")[0]
    return Source(commit, "" if branch.startswith("HEAD (no branch)") else branch, len(files), int(committed))


async def tracks(root: Path, name: str) -> bool:
    """Whether a file or folder of the project is part of its repository, or something in it is."""
    try:
        listed = await process.run("git", "ls-files", "--", f":(literal){name}", cwd=root, timeout=20)
    except FileNotFoundError:
        return False
    return listed.ok and bool(listed.out)


async def not_of_lfs(root: Path, files: list[Path]) -> set[Path]:
    """Return those files that Git hands out as they are, or by another filter; none where Git cannot tell."""
    names = "\0".join(map(str, files))
    try:
        said = await process.run("git", "check-attr", "-z", "--stdin", "filter", cwd=root, timeout=60, stdin=names)
    except FileNotFoundError:
        return set()
    words = said.out.split("\0") if said.ok else []
    return {Path(name) for name, value in zip(words[::3], words[2::3], strict=False) if value != "lfs"}


async def checked_out(root: Path) -> str:
    """The branch that is checked out, also one without a commit; empty where there is none."""
    try:
        head = await process.run("git", "symbolic-ref", "--short", "HEAD", cwd=root, timeout=20)
    except FileNotFoundError:
        return ""
    return head.out.strip() if head.ok else ""


async def default_branch(root: Path) -> str:
    """The branch that others start from: as the remote says, else `main` or `master`; empty where there is none."""
    try:
        head = await process.run("git", "symbolic-ref", "--short", "refs/remotes/origin/HEAD", cwd=root, timeout=20)
        if head.ok:
            return head.out.strip().removeprefix("origin/")
        words = ("--format=%(refname:short)", "refs/heads/main", "refs/heads/master")
        listed = await process.run("git", "for-each-ref", *words, cwd=root, timeout=20)
    except FileNotFoundError:
        return ""
    return listed.out.split("\n")[0].strip() if listed.ok else ""
