"""Checks rendered manifests: `kubernetes.py FILE...`, each as `kubectl kustomize` printed it.

First every object against the schema of its kind, strictly; then what a schema cannot say: that
pods are restricted, pinned, bounded and probed, that selectors select, that names lead somewhere.
"""

import pathlib
import sys
import tomllib

import kubernetes_validate
import yaml

from pods import at, pod_faults

VERSION = "1.37"
# Kinds of other makers: their schemas are not part of Kubernetes.
FOREIGN = {"cert-manager.io/v1", "monitoring.coreos.com/v1"}
LABELS = {
    f"app.kubernetes.io/{name}"
    for name in ("name", "instance", "version", "component", "part-of", "managed-by")
}
STABLE = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
SERVER = {
    "app.kubernetes.io/name": "lineguard",
    "app.kubernetes.io/instance": "lineguard",
    "app.kubernetes.io/component": "server",
}


def schema(obj):
    if obj["apiVersion"] in FOREIGN:
        return
    try:
        kubernetes_validate.validate(obj, VERSION, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        yield str(getattr(error, "message", error))


class World:
    """All objects of one file."""

    def __init__(self, objects):
        self.objects = objects
        self.pods = [
            (obj["kind"], at(obj, "spec", "template"))
            for obj in objects
            if at(obj, "spec", "template", "spec", "containers")
        ]

    def of(self, kind, name=None):
        return [
            obj
            for obj in self.objects
            if obj["kind"] == kind and name in (None, obj["metadata"]["name"])
        ]

    def selected(self, labels):
        return [
            pod["spec"]
            for _, pod in self.pods
            if labels.items() <= at(pod, "metadata", "labels", default={}).items()
        ]

    def selectors(self):
        for obj in self.of("Service"):
            labels = obj["spec"].get("selector", {})
            pods = self.selected(labels)
            if len(pods) != 1:
                yield obj, f"selects {len(pods)} kinds of pods"
            names = {
                port.get("name")
                for pod in pods
                for container in pod["containers"]
                for port in container.get("ports", [])
            }
            for port in obj["spec"]["ports"]:
                if not port.get("name"):
                    yield obj, "has a port without a name"
                if port.get("targetPort") not in names:
                    yield obj, f"leads to port `{port.get('targetPort')}`, which no pod has"
            if obj["spec"].get("publishNotReadyAddresses"):
                yield obj, "leads to pods that are not ready"
        for kind in ("Deployment", "StatefulSet", "PodDisruptionBudget", "ServiceMonitor"):
            for obj in self.of(kind):
                for label in set(at(obj, "spec", "selector", "matchLabels", default={})) - STABLE:
                    yield obj, f"selects by {label}, which changes"
                labels = at(obj, "spec", "selector", "matchLabels", default={})
                if kind != "ServiceMonitor" and not self.selected(labels):
                    yield obj, "selects nothing"

    def references(self):
        maps = {obj["metadata"]["name"] for obj in self.of("ConfigMap")}
        accounts = {obj["metadata"]["name"] for obj in self.of("ServiceAccount")}
        for _, pod in self.pods:
            for volume in pod["spec"].get("volumes", []):
                name = at(volume, "configMap", "name")
                if name is not None and name not in maps:
                    yield f"there is no ConfigMap `{name}`"
            account = pod["spec"].get("serviceAccountName")
            if account is not None and account not in accounts:
                yield f"there is no ServiceAccount `{account}`"

    def server(self):
        """What makes it available and reachable."""
        for obj in self.of("Deployment", "lineguard"):
            spec, pod = obj["spec"], obj["spec"]["template"]["spec"]
            if at(spec, "strategy", "rollingUpdate", "maxUnavailable") != 0:
                yield "an update takes away replicas"
            keys = {rule["topologyKey"] for rule in pod.get("topologySpreadConstraints", [])}
            if keys != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
                yield "replicas are not spread over zones and nodes"
            scalers = self.of("HorizontalPodAutoscaler", "lineguard")
            if scalers and "replicas" in spec:
                yield "replicas are counted by two"
            for scaler in scalers:
                if scaler["spec"]["minReplicas"] < 2:
                    yield "fewer than two replicas"
            yield from self.stopping(pod)
            budgets = [budget["spec"] for budget in self.of("PodDisruptionBudget", "lineguard")]
            if [budget.get("maxUnavailable") for budget in budgets] != [1]:
                yield "not one disruption at a time"
            services = self.of("Service")
            headless = [one for one in services if one["spec"].get("clusterIP") == "None"]
            if "lineguard-headless" not in [one["metadata"]["name"] for one in headless]:
                yield "no headless Service"
            yield from self.isolated()
            yield from self.certified()

    def stopping(self, pod):
        for obj in self.of("ConfigMap"):
            text = at(obj, "data", "lineguard.toml")
            if text is None:
                continue
            drain = tomllib.loads(text)["drain"]
            seconds = sum(int(drain[name].removesuffix("s")) for name in ("delay", "grace"))
            if seconds + 10 > pod.get("terminationGracePeriodSeconds", 30):
                yield "it is killed before it has drained"

    def isolated(self):
        """Every pod is denied by default, and the server has a way in and out."""
        policies = [obj["spec"] for obj in self.of("NetworkPolicy")]
        denied = [
            policy["podSelector"].get("matchLabels", {})
            for policy in policies
            if set(policy["policyTypes"]) == {"Ingress", "Egress"}
            and not policy.get("ingress")
            and not policy.get("egress")
        ]
        for _, pod in self.pods:
            labels = at(pod, "metadata", "labels", default={})
            if not any(rule.items() <= labels.items() for rule in denied):
                yield "a pod is open to the network"
        ways = {
            kind
            for policy in policies
            for kind in policy["policyTypes"]
            if policy.get(kind.lower())
        }
        if ways != {"Ingress", "Egress"}:
            yield "no way in or no way out"

    def certified(self):
        for certificate in self.of("Certificate", "lineguard"):
            names = set(certificate["spec"]["dnsNames"])
            for service in self.of("Service"):
                if service["spec"]["selector"] == SERVER:
                    meta = service["metadata"]
                    name = f"{meta['name']}.{meta['namespace']}.svc"
                    if name not in names:
                        yield f"the certificate does not name {name}"


def faults(objects):
    world = World(objects)
    for obj in objects:
        who = f"{obj['kind']}/{obj['metadata']['name']}"
        yield from (f"{who}: {fault}" for fault in schema(obj))
        missing = LABELS - set(at(obj, "metadata", "labels", default={}))
        if missing:
            yield f"{who}: has no label {', '.join(sorted(missing))}"
        if at(obj, "spec", "template", "spec", "containers"):
            pod = obj["spec"]["template"]["spec"]
            yield from (f"{who}: {fault}" for fault in pod_faults(obj["kind"], pod))
        if obj["kind"] == "ServiceAccount" and obj.get("automountServiceAccountToken") is not False:
            yield f"{who}: gives out tokens"
    for obj, fault in world.selectors():
        yield f"{obj['kind']}/{obj['metadata']['name']}: {fault}"
    yield from world.references()
    yield from (f"Deployment/lineguard: {fault}" for fault in world.server())


def main(files):
    failed = False
    for file in files:
        objects = [obj for obj in yaml.safe_load_all(pathlib.Path(file).read_text()) if obj]
        found = list(faults(objects))
        foreign = sum(obj["apiVersion"] in FOREIGN for obj in objects)
        print(f"{pathlib.Path(file).stem}: {len(objects)} objects, {foreign} without a schema", end="")
        print("".join(f"\n  {fault}" for fault in found))
        failed |= bool(found) or not objects
    sys.exit(failed)


main(sys.argv[1:])
