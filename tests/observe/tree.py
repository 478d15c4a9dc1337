"""Prints the spans that a collector took as trees, and asserts their shape: `tree.py FILE`.

The spans of the client are in the same file; see `traced.py`.
"""

import base64
import json
import sys


def spans(path):
    with open(path) as file:
        for line in file:
            for resource in json.loads(line).get("resourceSpans", []):
                named = {a["key"]: a["value"].get("stringValue") for a in resource["resource"]["attributes"]}
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        yield named["service.name"], span


def attributes(span):
    values = {}
    for one in span.get("attributes", []):
        values[one["key"]] = next(iter(one["value"].values()))
    return values


def hexadecimal(text):
    return base64.b64decode(text).hex()


class Tree:
    def __init__(self, found):
        self.found = sorted(found, key=lambda one: int(one[1]["startTimeUnixNano"]))
        self.children = {}
        for service, span in self.found:
            self.children.setdefault(span.get("parentSpanId", ""), []).append((service, span))

    def show(self, parent="", depth=0):
        for service, span in self.children.get(parent, []):
            took = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e6
            kind = span["kind"].removeprefix("SPAN_KIND_").lower()
            said = " ".join(f"{key}={value}" for key, value in sorted(attributes(span).items()))
            print(f"{'  ' * depth}{span['name']}  [{service}, {kind}, {took:.2f} ms]  {said}")
            self.show(span["spanId"], depth + 1)

    def below(self, span):
        return [child for _, child in self.children.get(span["spanId"], [])]


def check(ok, what):
    if not ok:
        sys.exit(f"not so: {what}")


def server_span(tree, method):
    client = [span for _, span in tree.found if span["name"] == method and span["kind"] == "SPAN_KIND_CLIENT"]
    check(len(client) == 1, f"one client span of {method}")
    servers = tree.below(client[0])
    check([one["kind"] for one in servers] == ["SPAN_KIND_SERVER"], "below the client the server")
    said = attributes(servers[0])
    check(servers[0]["name"] == method == said["rpc.method"], f"the server span is called {method}")
    check(said["rpc.system.name"] == "grpc" and said["rpc.response.status_code"] == "OK", "RPC conventions")
    check(said["network.peer.address"] == "127.0.0.1", "who called")
    return servers[0]


def main(path):
    traces = {}
    for service, span in spans(path):
        traces.setdefault(span["traceId"], []).append((service, span))
    wanted = [one for one in traces.values() if any(service == "test-client" for service, _ in one)]
    check(len(wanted) == 3, "three traces that a client began")
    seen = {}
    for found in wanted:
        tree = Tree(found)
        print(f"trace {hexadecimal(found[0][1]['traceId'])}")
        tree.show(depth=1)
        root = tree.children[""][0][1]["name"]
        seen[root] = tree
    method = "lineguard.v1.AuthorizationService/"
    cold = server_span(seen["a check"], f"{method}Check")
    names = [one["name"] for one in seen["a check"].below(cold)]
    check(names[0] == "look up l1.decisions", "first what is in memory")
    check(attributes(seen["a check"].below(cold)[0])["lineguard.cache.result"] == "miss", "which misses")
    redis = [one for one in seen["a check"].below(cold) if one["name"] == "GET"]
    check(len(redis) == 1 and redis[0]["kind"] == "SPAN_KIND_CLIENT", "then one look-up in Redis")
    check(attributes(redis[0])["db.system.name"] == "redis", "which is named")
    database = [one for one in seen["a check"].below(cold) if one["name"].startswith(("SELECT", "BEGIN"))]
    check(len(database) >= 2, "then the database")
    check(all(attributes(one)["db.system.name"] == "postgresql" for one in database), "which is named")
    pages = server_span(seen["a list"], f"{method}ListVisibleFaxes")
    check("SELECT fax" in [one["name"] for one in seen["a list"].below(pages)], "a list reads the index")
    apply = server_span(seen["a write"], "lineguard.v1.AdminService/Apply")
    below = seen["a write"].below(apply)
    waits = [one for one in below if one["name"] == "wait until in force"]
    check(len(waits) == 1, "a write waits until it is in force")
    check(attributes(waits[0])["lineguard.wait.path"] in ("confirmed", "expired"), "and says how")
    check("COMMIT" in [one["name"] for one in below], "after its commit")
    print("the traces have the expected shape")


if __name__ == "__main__":
    main(sys.argv[1])
