"""Texts of the YAML resources the tests use."""

import json
from typing import Any


def component(
    name: str, kind: str, metadata: dict[str, Any] | list[dict[str, Any]] | None = None, **fields: Any
) -> str:
    """One Component. `fields`: version, ignoreErrors, initTimeout, scopes, auth, namespace."""
    entries = (
        metadata
        if isinstance(metadata, list)
        else [{"name": key, "value": value} for key, value in (metadata or {}).items()]
    )
    spec: dict[str, Any] = {"type": kind, "version": fields.pop("version", "v1"), "metadata": entries}
    for key in ("ignoreErrors", "initTimeout"):
        if key in fields:
            spec[key] = fields.pop(key)
    meta = {"name": name}
    if "namespace" in fields:
        meta["namespace"] = fields.pop("namespace")
    return document("Component", meta, spec, **fields)


def document(
    kind: str,
    metadata: dict[str, Any],
    spec: dict[str, Any],
    version: str = "dapr.io/v1alpha1",
    **fields: Any,
) -> str:
    """Any resource; JSON is YAML, and needs no library to write."""
    return (
        json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, **fields}) + "\n"
    )


def configuration(spec: dict[str, Any]) -> str:
    return document("Configuration", {"name": "config"}, spec)


def shared_app(app_id: str, **spec: Any) -> str:
    """One SharedApp; `target` and the like as keyword arguments."""
    return document("SharedApp", {"name": app_id}, {"appId": app_id, **spec}, "shared.dapr.io/v1alpha1")


def sqlite_resolution(file: str) -> str:
    """A Configuration by which runtimes find each other through a file."""
    return configuration(
        {
            "nameResolution": {
                "component": "sqlite",
                "version": "v1",
                "configuration": {"connectionString": file},
            }
        }
    )


MEMORY = component("memory", "state.in-memory")
