"""Checks the compose file: `compose.py FOLDER`, where FOLDER is what `prepare` made.

First a strict reader of the specification; then what it cannot say: that containers are contained
and pinned, that nothing is published beyond this machine, that no password is written down, and
that every file that is mounted is there.
"""

import pathlib
import re
import sys

import compose_spec
import yaml

FILE = pathlib.Path("deploy/compose/compose.yaml")
# Its image holds the collector and nothing that could ask for its health.
SILENT = {"collector"}


def service_faults(name, service, once):
    rules = {
        "may write its file system": service.get("read_only") is True,
        "keeps capabilities": service.get("cap_drop") == ["ALL"],
        "may gain privileges": service.get("security_opt") == ["no-new-privileges:true"],
        "has no limit of memory": "mem_limit" in service,
        "is told nothing about restarts": "restart" in service,
        "is in the network of all": bool(service.get("networks")),
        "is privileged": not service.get("privileged"),
        "is not pinned": re.search(r":v?\d+\.\d+(\.\d+)?[\w.-]*$", service["image"]),
        "has no health": once or name in SILENT or "test" in service.get("healthcheck", {}),
    }
    yield from (fault for fault, holds in rules.items() if not holds)
    for port in service.get("ports", []):
        if not port.startswith("127.0.0.1:"):
            yield f"publishes {port} beyond this machine"
    for variable, value in service.get("environment", {}).items():
        if "PASSWORD" in variable and not variable.endswith("_FILE"):
            yield f"is told a password by {variable}"
        if re.search(r"://[^/ ]*:[^/ ]*@", str(value)):
            yield f"is told a password in {variable}"


def mounts(service):
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            yield source
            if not volume.endswith(":ro"):
                yield f"{source}, which may be written,"


def faults(project, made):
    folder = FILE.parent
    services = project["services"]
    once = {
        name
        for service in services.values()
        for name, on in service.get("depends_on", {}).items()
        if on["condition"] == "service_completed_successfully"
    }
    for name, service in services.items():
        yield from (f"{name} {fault}" for fault in service_faults(name, service, name in once))
        for source in mounts(service):
            there = (folder / source).exists()
            if not there:
                yield f"{name} mounts {source}: not there"
        for kind in ("secrets", "configs"):
            for entry in service.get(kind, []):
                source = entry if isinstance(entry, str) else entry["source"]
                if source not in project[kind]:
                    yield f"{name} has no {source}"
    for name, config in project["configs"].items():
        if not (folder / config["file"]).is_file():
            yield f"config {name} is not there"
    drawn = {file.name for file in made.iterdir()}
    for name, secret in project["secrets"].items():
        file = pathlib.Path(secret["file"])
        if file.parent != pathlib.Path("secrets") or file.name not in drawn:
            yield f"secret {name} is not made by `prepare`"


def main(made):
    # The reader knows no merge keys; nothing else of YAML is changed by this.
    project = yaml.safe_load(FILE.read_text())
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(project))
    found = list(faults(project, made))
    print(f"compose: {len(project['services'])} services")
    if found:
        sys.exit("\n".join(found))


main(pathlib.Path(sys.argv[1]))
