"""Compares what the grants of `deploy/sql` allow with what the store's statements need.

A statement that servers make and may not would fail in production only; a right that no statement
needs is one too many. Both are told here.
"""

import pathlib
import re
import sys

STORE = pathlib.Path("crates/lineguard-store/src")
SQL = pathlib.Path("deploy/sql")
# Rows that say what happened. Whoever may alter them can hide what they did.
AUDIT = {"change_log", "change_part"}


def tables():
    """Every table of the schema, with those that the library of migrations keeps."""
    text = "".join(file.read_text() for file in sorted((STORE / "migration").glob("*.rs")))
    return set(re.findall(r"CREATE TABLE (\w+)", text)) | {"seaql_migrations"}


def needed():
    """(table, verb) of every statement that writes. SQLite has no roles, migrations have their own,
    and tests are nobody's."""
    rights = set()
    for file in sorted(STORE.rglob("*.rs")):
        within = file.relative_to(STORE)
        if within.parts[0] in ("migration", "tests") or within.name == "sqlite.rs":
            continue
        text = file.read_text().split("#[cfg(test)]")[0]
        for verb, table in re.findall(r'"(INSERT INTO|UPDATE|DELETE FROM) (\w+)', text):
            rights.add((table, verb.split()[0]))
        # The text of an INSERT that may find its row there; its first words are put before it later.
        for table in re.findall(r'"(\w+) \([\w, ]+\) VALUES', text):
            rights.add((table, "INSERT"))
        # An INSERT that turns into an UPDATE, within one function, needs both.
        for function in text.split("\n}\n"):
            if "DO UPDATE" in function:
                tables = re.findall(r'"INSERT INTO (\w+)', function)
                rights.update((table, "UPDATE") for table in tables)
    return rights


def granted(file):
    """(table, right) of every GRANT to the serving role."""
    text = re.sub(r"--.*", "", file.read_text())
    rights = set()
    for verbs, names in re.findall(r"GRANT ([A-Z, ]+) ON ([\w., ]+) TO lineguard_serve", text):
        for name in names.split(","):
            for verb in verbs.split(","):
                rights.add((name.strip().removeprefix("lineguard."), verb.strip()))
    return rights


def faults(file, absent):
    needs, has = needed(), granted(file)
    writes = {right for right in has if right[1] != "SELECT"}
    known = tables() - absent
    yield from (f"{verb} on {table} is needed" for table, verb in sorted(needs - writes))
    yield from (f"{verb} on {table} is not needed" for table, verb in sorted(writes - needs))
    read = {table for table, verb in has if verb == "SELECT"}
    yield from (f"{table} cannot be read" for table in sorted(known - read))
    yield from (f"there is no table {table}" for table in sorted(read - known))
    for table, verb in sorted(has):
        if table in AUDIT and verb not in ("SELECT", "INSERT"):
            yield f"{verb} on {table} alters the audit trail"


def main():
    if len(needed()) < 15:
        sys.exit("grants: the statements of the store were not found")
    found = []
    # Only where a step can be left half done is there a table about that.
    for name, absent in [("postgres", {"schema_begun"}), ("mariadb", set())]:
        file = SQL / f"{name}-grants.sql"
        found += [f"{file}: {fault}" for fault in faults(file, absent)]
    if found:
        sys.exit("\n".join(found))


main()
