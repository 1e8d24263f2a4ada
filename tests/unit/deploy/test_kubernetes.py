"""The manifests are what Kubernetes takes, read by its own published schemas."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[3]
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
OLDEST, NEWEST = "1.29", kubernetes_validate.latest_version()


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_is_valid(manifest: Path, version: str) -> None:
    """Every document, no unknown member, on the oldest release with sidecars and the newest."""
    documents = list(yaml.safe_load_all(manifest.read_text()))
    assert documents
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_no_pod_gets_a_service_account(manifest: Path) -> None:
    """The agent asks the cluster nothing, so nothing of the cluster is in its reach."""
    for document in yaml.safe_load_all(manifest.read_text()):
        pod = document["spec"].get("template", document)["spec"]
        assert pod["automountServiceAccountToken"] is False
