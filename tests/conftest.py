"""What all tests share: the Elasticsearch that some of them need."""

from __future__ import annotations

import os

import pytest

ELASTICSEARCH_VARIABLE = "SIGMAGEN_ELASTICSEARCH_URL"
NO_ELASTICSEARCH = f"needs an Elasticsearch: run `make elasticsearch`, then set {ELASTICSEARCH_VARIABLE} as it prints"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `elasticsearch` before any of its fixtures is set up."""
    if item.get_closest_marker("elasticsearch") and not os.environ.get(ELASTICSEARCH_VARIABLE):
        pytest.skip(NO_ELASTICSEARCH)


@pytest.fixture(scope="session")
def elasticsearch_url() -> str:
    """The server's URL. A test that uses it carries the `elasticsearch` marker."""
    url = os.environ.get(ELASTICSEARCH_VARIABLE)
    if not url:
        pytest.skip(NO_ELASTICSEARCH)
    return url.rstrip("/")
