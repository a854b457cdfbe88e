"""Git LFS pointers and empty submodules: found where a build would send them, and nowhere else."""

from pathlib import Path

import pytest

from slipway.image import context
from slipway.image.unfetched import is_pointer

SPEC = "version https://git-lfs.github.com/spec/v1\n"
OID = "oid sha256:" + "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393" + "\n"
POINTER = f"{SPEC}{OID}size 12345\n"
EXTENDED = f"{SPEC}ext-0-foo sha256:{'1' * 64}\next-1-bar sha256:{'2' * 64}\n{OID}size 9\n"


@pytest.mark.parametrize("content", [POINTER, EXTENDED, POINTER.replace("git-lfs", "hawser"), f"{SPEC}{OID}size 0\n"])
def test_a_pointer(content: str) -> None:
    assert is_pointer(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        "", SPEC, f"{SPEC}{OID}", f"{SPEC}size 1\n{OID}", POINTER.rstrip("\n"), POINTER + "\n", " " + POINTER,
        POINTER.replace("\n", "\r\n"), POINTER.replace("v1", "v2"), POINTER.replace("https", "http"),
        POINTER.replace("sha256:4", "sha256:G"), POINTER.replace("4d7a", ""), POINTER.replace("12345", "-1"),
        f"# How pointers look\n\n{POINTER}", f"{SPEC}{'ext-0-a sha256:' + '1' * 64 + chr(10)}" * 13 + f"{OID}size 1\n",
    ],
)  # fmt: skip
def test_what_only_looks_like_one(content: str) -> None:
    assert not is_pointer(content.encode())


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a subfolder of a work tree."""
    (tmp_path / ".git").mkdir()
    root = tmp_path / "services" / "shop"
    put(root, Dockerfile="FROM scratch\nCOPY . /\n")
    return root


def found(root: Path, build_context: str = ".") -> list[tuple[str, str]]:
    seen = context.look(root, build_context, "Dockerfile").unfetched
    return [(one.kind, str(one.path.resolve().relative_to(root.parents[1].resolve()))) for one in seen]


def test_a_pointer_that_is_sent(project: Path) -> None:
    put(project, models__large="the file itself", **{"model.bin": POINTER, "models__small.bin": EXTENDED})
    assert found(project) == [("pointer", "services/shop/model.bin"), ("pointer", "services/shop/models/small.bin")]


def test_a_pointer_that_is_not_sent(project: Path) -> None:
    put(project, **{"model.bin": POINTER, "tests__model.bin": POINTER, ".dockerignore": "tests\n*.bin\n"})
    assert found(project) == []
    put(project, **{".dockerignore": "*\n!model.bin\n"})
    assert found(project) == [("pointer", "services/shop/model.bin")]


def submodule(work_tree: Path, *paths: str, url: str = "https://github.com/acme/lib.git") -> None:
    text = "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path in paths)
    put(work_tree, **{".gitmodules": text})
    for path in paths:
        (work_tree / path).mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize(
    ("rules", "sent"),
    [("", True), ("*\n!lib\n", True), ("*\n!lib/src\n", True), ("lib", False), ("*\n!app\n", False), ("**/lib", False)],
)
def test_an_empty_submodule(project: Path, rules: str, sent: bool) -> None:
    submodule(project.parents[1], "services/shop/lib", "elsewhere/other")
    put(project, **{".dockerignore": rules})
    assert found(project) == [("submodule", "services/shop/lib")] * sent


def test_a_submodule_that_was_fetched(project: Path) -> None:
    submodule(project.parents[1], "services/shop/lib")
    put(project, lib__code="x")
    assert found(project) == []


def test_an_empty_folder_that_is_no_submodule(project: Path) -> None:
    submodule(project.parents[1], "elsewhere/other")
    (project / "uploads").mkdir()
    assert found(project) == []


def test_a_submodule_of_a_submodule(project: Path) -> None:
    submodule(project.parents[1], "services/shop/lib")
    submodule(project / "lib", "vendor")
    (one,) = context.look(project, ".", "Dockerfile").unfetched
    assert (one.path, one.nested) == (project / "lib" / "vendor", True)


def test_the_whole_repository_as_context(project: Path) -> None:
    submodule(project.parents[1], "elsewhere/other")
    assert found(project, "../..") == [("submodule", "elsewhere/other")]


def test_a_context_that_is_a_submodule(project: Path) -> None:
    """`[build] context` names the folder that should hold the code."""
    submodule(project.parents[1], "services/shop/lib")
    assert found(project, "lib") == [("submodule", "services/shop/lib")]


def test_without_git(project: Path) -> None:
    """A tarball of the repository has the same placeholders."""
    (project.parents[1] / ".git").rmdir()
    submodule(project.parents[1], "services/shop/lib")
    put(project, **{"model.bin": POINTER})
    assert found(project) == [("pointer", "services/shop/model.bin"), ("submodule", "services/shop/lib")]


def test_no_password_of_a_url_is_kept(project: Path) -> None:
    submodule(project.parents[1], "services/shop/lib", url="https://me:hunter2@github.com/acme/lib.git")
    (one,) = context.look(project, ".", "Dockerfile").unfetched
    assert one.url == "https://github.com/acme/lib.git"


@pytest.mark.parametrize("path", ["../..", "/etc", "", ".", "services/shop/link"])
def test_a_path_that_leads_elsewhere(project: Path, path: str) -> None:
    (project / "link").symlink_to("/")
    put(project.parents[1], **{".gitmodules": f'[submodule "a"]\n\tpath = {path}\n\turl = x\n'})
    assert found(project) == []
