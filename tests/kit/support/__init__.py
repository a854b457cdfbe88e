"""What the kit's tests share."""

from support.engine import Engine
from support.machine import MARK, REPOSITORY, SESSION, asleep, docker, free_port, nap, real, until
from support.project import Done, Project, Running, survivors
from support.texts import CHECK, DOCKERFILE, INTEGRATION, SERVER, SETTINGS, STACK

__all__ = [
    "CHECK",
    "DOCKERFILE",
    "INTEGRATION",
    "MARK",
    "REPOSITORY",
    "SERVER",
    "SESSION",
    "SETTINGS",
    "STACK",
    "Done",
    "Engine",
    "Project",
    "Running",
    "asleep",
    "docker",
    "free_port",
    "nap",
    "real",
    "survivors",
    "until",
]
