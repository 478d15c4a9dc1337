"""Checks a bill of materials: `sbom.py FILE PROGRAM`. It must be what the schema says, and name every
crate that the program itself gives away to be made of."""

import json
import pathlib
import re
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main(file, program):
    text = pathlib.Path(file).read_text()
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        sys.exit(f"sbom: {str(error)[:500]}")
    bom = json.loads(text)
    parts = [*bom["components"], bom["metadata"]["component"]]
    # Paths of sources are in the program, for messages about panics.
    source = rb"/registry/src/[^/]+/([\w-]+?)-(\d+\.[\w.+-]+)/"
    paths = re.findall(source, pathlib.Path(program).read_bytes())
    told = {(name.decode(), version.decode()) for name, version in paths}
    shipped = {
        (part["name"], part["version"])
        for part in bom["components"]
        if part["purl"].startswith("pkg:cargo/") and part["scope"] == "required"
    }
    if len(told) < 20 or told - shipped:
        sys.exit(f"sbom: in the program and not named: {sorted(told - shipped)}")
    for part in bom["components"]:
        ours = part["name"].startswith("lineguard-")
        if part["purl"].startswith("pkg:cargo/") and not ours and "hashes" not in part:
            sys.exit(f"sbom: {part['name']} has no checksum")
        if part["purl"].startswith("pkg:cargo/") and "licenses" not in part:
            sys.exit(f"sbom: {part['name']} has no licence")
    debian = [part["name"] for part in parts if part["purl"].startswith("pkg:deb/")]
    count = sum(part.get("scope") == "required" for part in bom["components"])
    print(f"{len(parts)} parts, {count} of them in the image; of Debian {', '.join(debian)}")


main(*sys.argv[1:])
