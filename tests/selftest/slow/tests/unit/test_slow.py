"""Broken on purpose: the job's limit must end it."""

import time


def test_slow():
    time.sleep(3600)
