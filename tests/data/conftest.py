import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("PELLUCID_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


@pytest.fixture
def real_file():
    """Path of a real file for tests, which are skipped where it is absent."""

    def find(name):
        path = DATA / name
        if not path.is_file():
            pytest.skip(f"{name} is not in {DATA}; set PELLUCID_TEST_DATA to where it lies")
        return path

    return find


@pytest.fixture
def written(tmp_path):
    """Write a file and give its path."""

    def write(content, name="table.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
