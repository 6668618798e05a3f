import pytest

import pellucid
from tasks.check.made import people, scorer


@pytest.fixture(scope="session")
def data():
    return people()


@pytest.fixture
def subject(data):
    return pellucid.open(scorer(), data=data, name="scorer")
