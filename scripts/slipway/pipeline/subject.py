"""What one verification is about, known before anything is built: folder, image and platform."""

import platform
from dataclasses import dataclass
from pathlib import Path

from slipway import config
from slipway.github import artifacts, files, run_attempt
from slipway.pipeline.run import image_repository

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Subject:
    """Tells the images of one repository apart."""

    folder: str  # of the project in the repository; empty where it is the repository
    image: str
    platform: str

    @property
    def category(self) -> str:
        """What code scanning keeps apart: a later upload replaces an earlier one of the same category and commit."""
        return "/".join(filter(None, ("slipway", self.image, self.platform, self.folder)))

    @property
    def artifact_name(self) -> str:
        """What is in the names of this attempt's artifacts."""
        return artifacts.name(self.image, self.platform, self.folder, run_attempt())


def of(root: Path, settings: config.Settings) -> Subject:
    """Return what the project in `root` is about. The same whether it is built, fails or is not begun."""
    own, wanted = f"linux/{ARCHITECTURES.get(platform.machine(), platform.machine())}", settings.image.platforms
    chosen = own if not wanted or own in wanted else wanted[0]
    return Subject(files.inside(root), str(image_repository(root, settings)), chosen)
