"""Print what a release holds as CycloneDX 1.5: the agent, the packages of wheelhouse/, uPlot.

usage: sbom.py VERSION

The pinned wheels are what the image, the folder and the one file are made of; a base image has a
list of its own. Times come from SOURCE_DATE_EPOCH, so that the same sources give the same bytes.
"""  # noqa: INP001

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import uuid
from datetime import UTC, datetime
from email.parser import BytesParser
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
BUILD_ONLY = {"flit-core"}  # it makes the wheel, and is in nothing that is shipped


def component(purl: str, licence: str | None, content: bytes) -> dict[str, object]:
    """One entry of the list: `pkg:TYPE/NAME@VERSION`, its licence and its hash."""
    name, _, version = purl.rpartition("/")[2].partition("@")
    known = {"licenses": [{"expression": licence}]} if licence else {}
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        **known,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}],
    }


def package(wheel: Path) -> dict[str, object]:
    """A wheel by its own metadata; the licence of one that names none is left open."""
    name, version = wheel.name.split("-")[:2]
    with ZipFile(wheel) as archive:
        metadata = BytesParser().parsebytes(archive.read(f"{name}-{version}.dist-info/METADATA"))
    classifiers = {"License :: OSI Approved :: MIT License": "MIT"}
    licences = [metadata["License-Expression"], metadata["License"]]
    licences += [classifiers.get(each) for each in metadata.get_all("Classifier", [])]
    project = re.sub(r"[-_.]+", "-", metadata["Name"]).lower()
    purl = f"pkg:pypi/{project}@{metadata['Version']}"
    return component(purl, next(filter(None, licences), None), wheel.read_bytes())


def uplot() -> dict[str, object]:
    """The charts' library, which the page brings along unchanged."""
    file = ROOT / "selfinspect" / "web" / "page" / "uplot" / "uPlot.iife.min.js"
    content = file.read_bytes()
    found = re.search(rb"uPlot \(v([\d.]+)\)", content[:200])
    if not found:
        raise SystemExit(
            f"sbom.py: {file} does not begin with its version: /*! … uPlot (v1.2.3) */"
        )
    return component(f"pkg:npm/uplot@{found[1].decode()}", "MIT", content)


def main(version: str) -> None:
    """Write the list to standard output."""
    packages = [package(wheel) for wheel in sorted((ROOT / "wheelhouse").glob("*.whl"))]
    components = [each for each in packages if each["name"] not in BUILD_ONLY] + [uplot()]
    own = {
        "type": "application",
        "bom-ref": "selfinspect",
        "name": "selfinspect",
        "version": version,
        "licenses": [{"expression": "Apache-2.0 AND MIT"}],
    }
    made = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([own, components])).urn,
        "version": 1,
        "metadata": {"timestamp": made.isoformat(), "component": own},
        "components": components,
        "dependencies": [
            {"ref": "selfinspect", "dependsOn": [each["bom-ref"] for each in components]}
        ],
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


main(*sys.argv[1:])
