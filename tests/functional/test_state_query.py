"""Queries where apps share a table: page by page each sees all of its own values, and no other."""

import contextlib
import itertools
from typing import Any

import pytest

from harness.daprd import Daprd
from harness.state_clients import GrpcState, HttpState
from harness.state_stores import StateServers, store_component

LIMIT = 10
# The one that sorts first has more than a page.
ROWS = {"alpha": 3 * LIMIT, "zeta": 2 * LIMIT + 3}
FILTER = {"EQ": {"kind": "order"}}


def pages(client: Any, **more: Any) -> list[list[str]]:
    """The keys, page by page, until no token comes any more."""
    token, found = "", []
    for _ in range(20):
        items, token = client.query({"filter": FILTER, "page": {"limit": LIMIT, "token": token}, **more})
        found.append([item["key"] for item in items])
        if not token:
            return found
    raise AssertionError(f"the pages have no end: {found}")


def test_apps_that_share_a_table_page_through_their_own(
    stack: contextlib.ExitStack, servers: StateServers
) -> None:
    place = servers.place("postgresql-v1")
    resources = {
        "store.yaml": store_component("postgresql-v1", place, "store"),
        "whole.yaml": store_component("postgresql-v1", {**place, "keyPrefix": "none"}, "whole"),
    }
    runtimes = {name: stack.enter_context(Daprd(name, resources=resources)) for name in ROWS}
    for name, runtime in runtimes.items():
        values = [{"kind": "order" if i < ROWS[name] else "bill", "n": i % 7} for i in range(ROWS[name] + 5)]
        HttpState(runtime, "store", stack).save(
            [{"key": f"{name}{i:02}", "value": value} for i, value in enumerate(values)]
        )
    for name, runtime in runtimes.items():
        own = [f"{name}{i:02}" for i in range(ROWS[name])]
        sorted_own = sorted(own, key=lambda key: (int(key.removeprefix(name)) % 7, key))
        for make in (HttpState, GrpcState):
            client = make(runtime, "store", stack)
            found = pages(client)
            assert [key for page in found for key in page] == own
            assert all(len(page) == LIMIT for page in found[:-1])
            assert list(itertools.chain(*pages(client, sort=[{"key": "n"}]))) == sorted_own
            everything = list(itertools.chain(*pages(make(runtime, "whole", stack))))
            assert len(everything) == sum(ROWS.values()), "without a prefix all is seen"
