"""What pods may do, and whom they reach: as rendered, for every overlay."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from scripts.submission.run_objects import Run
from tests.manifests.rendering import Object, customised, evaluation, of_kind, pods, rendered

# Pod Security


ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(pod: Object) -> Iterator[str]:
    """What Pod Security "restricted" has against a pod."""
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))
    for volume in pod.get("volumes", []):
        yield from (f"volume {kind}" for kind in volume.keys() - {"name"} - ALLOWED_VOLUMES)
    of_pod = pod.get("securityContext", {})
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        security = of_pod | container.get("securityContext", {})
        capabilities = security.get("capabilities", {})
        refused = {
            "privileged": security.get("privileged"),
            "allowPrivilegeEscalation": security.get("allowPrivilegeEscalation") is not False,
            "runAsNonRoot": security.get("runAsNonRoot") is not True,
            "runAsUser": security.get("runAsUser", 0) == 0,
            "seccompProfile": security.get("seccompProfile") != {"type": "RuntimeDefault"},
            "capabilities": capabilities != {"drop": ["ALL"]},
            "hostPort": any("hostPort" in port for port in container.get("ports", [])),
            "others": security.keys()
            & {"seLinuxOptions", "procMount", "sysctls", "windowsOptions"},
        }
        yield from (name for name, wrong in refused.items() if wrong)


def test_pods_obey_the_restricted_standard_which_their_namespace_enforces(custom):
    (namespace,) = of_kind(custom, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert [list(violations(pod)) for pod in pods(custom)] == [[], [], []]


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("securityContext/seccompProfile/type", "Unconfined", "seccompProfile"),
        ("securityContext/runAsUser", 0, "runAsUser"),
        ("containers/0/securityContext/privileged", True, "privileged"),
        ("containers/0/securityContext/capabilities/drop", [], "capabilities"),
        ("containers/0/securityContext/allowPrivilegeEscalation", True, "allowPrivilegeEscalation"),
        ("volumes/0/hostPath", {"path": "/"}, "volume hostPath"),
    ],
)
def test_a_pod_that_does_not_obey_is_found(path, value, found):
    pod = rendered("gke-multi-spot").pod
    *parents, last = [int(key) if key.isdecimal() else key for key in path.split("/")]
    functools.reduce(lambda part, key: part[key], parents, pod)[last] = value
    assert found in list(violations(pod))


def test_pods_write_nowhere_but_into_their_volumes_and_know_no_secret(overlay):
    for pod in pods(overlay):
        (container,) = pod["containers"]
        mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        volumes = {each["name"]: each for each in pod["volumes"]}
        assert pod["securityContext"]["runAsUser"] == 10001
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["automountServiceAccountToken"] is False
        assert "emptyDir" in volumes[mounts["/tmp"]]
        assert {"name": "TMPDIR", "value": "/tmp"} in container["env"]
    for account in of_kind(overlay, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_a_signal_is_never_lost_however_early_it_comes(custom):
    # PID 1 ignores what it has no handler for, and Python takes a second to have one. Here the
    # pause container is PID 1, for every pod, whoever makes it.
    for pod in pods(custom):
        assert pod["shareProcessNamespace"] is True


# The network


def chooses(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a selector means pods with these labels."""
    expressions = selector.get("matchExpressions", [])
    assert {each["operator"] for each in expressions} <= {"In"}
    return selector["matchLabels"].items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def allowed(run: Run, component: str, direction: str) -> list[Object]:
    """The rules for a component's pods, of all policies that choose them."""
    labels = {"app.kubernetes.io/name": "fashion-gan", "app.kubernetes.io/component": component}
    chosen = [
        policy["spec"]
        for policy in of_kind(run, "NetworkPolicy")
        if chooses(policy["spec"]["podSelector"], labels)
    ]
    assert any(direction.capitalize() in spec["policyTypes"] for spec in chosen)
    return [rule for spec in chosen for rule in spec.get(direction, [])]


TRAINERS = {
    "podSelector": {
        "matchLabels": {
            "app.kubernetes.io/name": "fashion-gan",
            "app.kubernetes.io/component": "trainer",
        }
    }
}
NAMES = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
TLS = {"ports": [{"protocol": "TCP", "port": 443}]}
PUBLISHED_DATA = {
    "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}],
    "ports": [{"protocol": "TCP", "port": 80}],
}


def test_trainers_reach_one_another_names_storage_and_the_data_set(overlay):
    labels = overlay.job["template"]["metadata"]["labels"]
    assert labels == TRAINERS["podSelector"]["matchLabels"]
    assert allowed(overlay, "trainer", "ingress") == [{"from": [TRAINERS]}]
    out = allowed(overlay, "trainer", "egress")
    assert NAMES in out and TLS in out and {"to": [TRAINERS]} in out and PUBLISHED_DATA in out
    everywhere = [rule for rule in out if "to" not in rule]
    assert everywhere == [NAMES, TLS]


def test_evaluations_reach_names_storage_and_the_data_set_and_nobody_reaches_them():
    run = rendered("local")
    labels = evaluation(run)["template"]["metadata"]["labels"]
    component = labels["app.kubernetes.io/component"]
    assert allowed(run, component, "egress") == [NAMES, TLS, PUBLISHED_DATA]
    assert allowed(run, component, "ingress") == []


@pytest.mark.parametrize("component", ["trainer", "evaluation", "tensorboard"])
def test_on_a_cloud_all_pods_reach_the_server_of_their_tokens(component):
    out = allowed(rendered("gke-multi-spot"), component, "egress")
    ports = {
        rule["to"][0]["ipBlock"]["cidr"]: [each["port"] for each in rule["ports"]]
        for rule in out
        if "ipBlock" in rule.get("to", [{}])[0]
    }
    assert ports["169.254.169.254/32"] == [80, 8080]
    assert ports["169.254.169.252/32"] == [987, 988]


def test_nobody_reaches_tensorboard_through_the_network(custom):
    assert allowed(custom, "tensorboard", "ingress") == []


def test_prometheus_reaches_the_metrics_and_nothing_else():
    run = customised("local")
    assert allowed(run, "trainer", "ingress") == [
        {
            "from": [{"namespaceSelector": {}}],
            "ports": [{"protocol": "TCP", "port": "metrics"}],
        },
        {"from": [TRAINERS]},
    ]


def test_nothing_is_public(custom):
    assert {each["spec"].get("type", "ClusterIP") for each in of_kind(custom, "Service")} == {
        "ClusterIP"
    }
    assert not of_kind(custom, "Ingress")
