"""Runs every query of the dashboard and of the rules: `panels.py PROMETHEUS DASHBOARD RULES`.

Ends with 1 if a query does not parse or a panel shows nothing. A panel whose description says when
it is empty may be, and is named.
"""

import json
import re
import sys
import urllib.parse
import urllib.request

EMPTY = re.compile(r"^Empty without .+\.$")


def ask(server, expression):
    form = urllib.parse.urlencode({"query": expression}).encode()
    try:
        with urllib.request.urlopen(f"{server}/api/v1/query", form, timeout=10) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        sys.exit(f"{expression}: {json.load(error)['error']}")


def plain(expression):
    variables = {"$__rate_interval": "30s", "$job": ".+", "$instance": ".+"}
    for name, value in variables.items():
        expression = expression.replace(name, value)
    return expression


def has_data(result):
    # Of a division of nothing by nothing there is a value, and it says nothing.
    return any(one["value"][1] != "NaN" for one in result)


def panels(server, path):
    with open(path) as file:
        shown = [panel for panel in json.load(file)["panels"] if panel["type"] != "row"]
    empty, queries = [], 0
    for panel in shown:
        for target in panel["targets"]:
            queries += 1
            if not has_data(ask(server, plain(target["expr"]))):
                if EMPTY.match(panel.get("description", "")):
                    print(f"{panel['title']}: {panel['description']}")
                else:
                    empty.append(f"{panel['title']}: {plain(target['expr'])}")
    if empty:
        sys.exit("no data:\n" + "\n".join(empty))
    print(f"{len(shown)} panels, {queries} queries, each with data")


def rules(server, path):
    """The server has loaded them; that it evaluates them is what it says itself."""
    with urllib.request.urlopen(f"{server}/api/v1/rules", timeout=10) as answer:
        groups = json.load(answer)["data"]["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    for rule in found:
        ask(server, rule["query"])
        if rule["health"] == "err":
            sys.exit(f"{rule['name']}: {rule['lastError']}")
        if rule.get("state") == "firing":
            sys.exit(f"{rule['name']} fires on a server that is well")
    with open(path) as file:
        wanted = len(re.findall(r"^\s+- (?:alert|record): ", file.read(), re.MULTILINE))
    if len(found) != wanted:
        sys.exit(f"{wanted} rules are written, {len(found)} were loaded")
    print(f"{len(found)} rules, each evaluates")


if __name__ == "__main__":
    panels(sys.argv[1], sys.argv[2])
    rules(sys.argv[1], sys.argv[3])
