"""Broken on purpose."""


def test_price():
    assert 2 * 21 == 43
