"""Strict models of the custom resources in k8s/: the fields that are used there, and no others.

Written by hand from the published definitions (JobSet v0.12, Kueue v0.19, Kubeflow Trainer v2.3,
Prometheus operator v0.89). The Job within a JobSet is Kubernetes' own: tests validate it as a Job.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT = {"type": "string"}
NAME = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
COUNT = {"type": "integer", "minimum": 0}
TEXTS = {"type": "object", "additionalProperties": TEXT}
DURATION = {"type": "string", "pattern": r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2}


def record(required: dict[str, Schema], **optional: Schema) -> Schema:
    """An object with these fields only."""
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def several(items: Schema) -> Schema:
    """A list that is not empty."""
    return {"type": "array", "items": items, "minItems": 1}


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


METADATA = record({"name": NAME, "namespace": NAME}, labels=TEXTS, annotations=TEXTS)


def resource(version: str, kind: str, spec: Schema) -> Schema:
    return record(
        {
            "apiVersion": one_of(version),
            "kind": one_of(kind),
            "metadata": METADATA,
            "spec": spec,
        }
    )


JOB_SET_SPEC = record(
    {
        "replicatedJobs": several(
            record(
                {
                    "name": NAME,
                    "template": record(
                        {"spec": {"type": "object"}}, metadata=record({}, labels=TEXTS)
                    ),
                },
                replicas=COUNT,
            )
        )
    },
    ttlSecondsAfterFinished=COUNT,
    suspend={"type": "boolean"},
    network=record(
        {},
        enableDNSHostnames={"type": "boolean"},
        publishNotReadyAddresses={"type": "boolean"},
        subdomain=NAME,
    ),
    failurePolicy=record(
        {},
        maxRestarts=COUNT,
        restartStrategy=one_of("Recreate", "BlockingRecreate"),
        rules=several(
            record(
                {
                    "name": {
                        "type": "string",
                        "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                    },
                    "action": one_of(
                        "FailJobSet",
                        "RestartJob",
                        "RestartJobSet",
                        "RestartJobSetAndIgnoreMaxRestarts",
                    ),
                },
                onJobFailureReasons=several(
                    one_of(
                        "BackoffLimitExceeded",
                        "DeadlineExceeded",
                        "FailedIndexes",
                        "MaxFailedIndexesExceeded",
                        "PodFailurePolicy",
                    )
                ),
                onJobFailureMessagePatterns=several(TEXT),
                targetReplicatedJobs=several(NAME),
            )
        ),
    ),
)

JOB_SET = resource("jobset.x-k8s.io/v1alpha2", "JobSet", JOB_SET_SPEC)

TRAINING_RUNTIME = resource(
    "trainer.kubeflow.org/v1alpha1",
    "TrainingRuntime",
    record(
        {"template": record({"spec": JOB_SET_SPEC})},
        mlPolicy=record({}, numNodes=COUNT),
    ),
)

TRAIN_JOB = resource(
    "trainer.kubeflow.org/v1alpha1",
    "TrainJob",
    record(
        {
            "runtimeRef": record(
                {"name": NAME},
                apiGroup=one_of("trainer.kubeflow.org"),
                kind=one_of("TrainingRuntime", "ClusterTrainingRuntime"),
            )
        },
        suspend={"type": "boolean"},
    ),
)

LOCAL_QUEUE = resource(
    "kueue.x-k8s.io/v1beta2",
    "LocalQueue",
    record({"clusterQueue": NAME}, stopPolicy=one_of("None", "Hold", "HoldAndDrain")),
)

# Of the cluster: Kustomize gives it a namespace all the same, which the API server takes away.
WORKLOAD_PRIORITY_CLASS = record(
    {
        "apiVersion": one_of("kueue.x-k8s.io/v1beta2"),
        "kind": one_of("WorkloadPriorityClass"),
        "metadata": record({"name": NAME}, namespace=NAME, labels=TEXTS),
        "value": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    },
    description=TEXT,
)

POD_MONITOR = resource(
    "monitoring.coreos.com/v1",
    "PodMonitor",
    record(
        {
            "selector": record({"matchLabels": TEXTS}),
            "podMetricsEndpoints": several(
                record(
                    {"port": NAME},
                    interval=DURATION,
                    relabelings=several(
                        record(
                            {"action": one_of("keep", "replace")},
                            sourceLabels=several(
                                {"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}
                            ),
                            regex=TEXT,
                            targetLabel=TEXT,
                        )
                    ),
                )
            ),
        }
    ),
)

PROMETHEUS_RULE = resource(
    "monitoring.coreos.com/v1",
    "PrometheusRule",
    record(
        {
            "groups": several(
                record(
                    {
                        "name": TEXT,
                        "rules": several(
                            record(
                                {"alert": TEXT, "expr": TEXT},
                                labels=TEXTS,
                                annotations=TEXTS,
                                **{"for": DURATION},
                            )
                        ),
                    }
                )
            )
        }
    ),
)

MODELS = {
    "JobSet": JOB_SET,
    "LocalQueue": LOCAL_QUEUE,
    "PodMonitor": POD_MONITOR,
    "PrometheusRule": PROMETHEUS_RULE,
    "TrainJob": TRAIN_JOB,
    "TrainingRuntime": TRAINING_RUNTIME,
    "WorkloadPriorityClass": WORKLOAD_PRIORITY_CLASS,
}
