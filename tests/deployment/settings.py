"""Says which settings below `deploy/` the server does not have: a misspelt one would be refused at
start, on every replica at once."""

import pathlib
import re
import sys
import tomllib

REFERENCE = pathlib.Path("docs/configuration.md")
DEPLOY = pathlib.Path("deploy")
# Variables that are no settings: they say where the file is, and what client commands ask.
OTHER = {
    "LINEGUARD_CONFIG",
    "LINEGUARD_SERVER",
    "LINEGUARD_SERVER_NAME",
    "LINEGUARD_CLIENT_CA_FILE",
    "LINEGUARD_CLIENT_CERTIFICATE_FILE",
    "LINEGUARD_CLIENT_KEY_FILE",
    "LINEGUARD_CLIENT_TOKEN_FILE",
    "LINEGUARD_OUTPUT",
}


def variable(key):
    return "LINEGUARD_" + key.replace(".", "_").upper()


def leaves(table, prefix=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def faults():
    known = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", REFERENCE.read_text(), re.MULTILINE))
    if len(known) < 20:
        sys.exit("settings: the reference could not be read")
    variables = {variable(key) for key in known} | OTHER
    for file in sorted(DEPLOY.rglob("*")):
        if not file.is_file() or file.is_relative_to(DEPLOY / "demo"):
            continue
        text = file.read_text()
        for name in sorted(set(re.findall(r"\bLINEGUARD_[A-Z0-9_]+", text)) - variables):
            yield f"{file}: there is no variable {name}"
        if file.name == "lineguard.toml":
            for key in leaves(tomllib.loads(text)):
                if key not in known:
                    yield f"{file}: there is no setting `{key}`"


def main():
    found = list(faults())
    if found:
        sys.exit("\n".join(found))


main()
