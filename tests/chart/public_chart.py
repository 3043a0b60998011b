"""A stand-in for Dapr's public chart 1.16: the names, labels, selectors and kinds that a release of it has
in a cluster, which is what an upgrade meets."""

import pathlib

CHART = """\
apiVersion: v2
name: dapr-shared-chart
version: 1.16.0
"""

TEMPLATE = """\
{{- $full := printf "%s-%s" .Release.Name .Chart.Name }}
{{- define "own" }}{app.kubernetes.io/name: {{ .Chart.Name }}, app.kubernetes.io/instance: {{ .Release.Name }}}{{ end }}
apiVersion: v1
kind: ServiceAccount
metadata: {name: {{ $full }}, labels: {{ include "own" . }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ $full }}, labels: {app: {{ $full }}}}
type: Opaque
data: {dapr-api-token: ""}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: {{ $full }}-secret-reader}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: {{ $full }}-secret-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ $full }}-secret-reader}
subjects: [{kind: ServiceAccount, name: {{ $full }}, namespace: {{ .Release.Namespace }}}]
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Values.shared.appId }}-dapr, labels: {{ include "own" . }}}
spec:
  type: ClusterIP
  selector: {{ include "own" . }}
  ports:
    - {name: dapr-http, port: 3500, targetPort: 3500}
    - {name: dapr-grpc, port: 50001, targetPort: 50001}
    - {name: dapr-internal, port: 50002, targetPort: 50002}
    - {name: dapr-metrics, port: 9090, targetPort: 9090}
---
apiVersion: apps/v1
kind: {{ eq .Values.shared.strategy "daemonset" | ternary "DaemonSet" "Deployment" }}
metadata: {name: {{ $full }}, labels: {{ include "own" . }}}
spec:
  selector: {matchLabels: {{ include "own" . }}}
  template:
    metadata: {labels: {{ include "own" . }}}
    spec:
      serviceAccountName: {{ $full }}
      initContainers: [{name: shared-init-container, image: "docker.io/daprio/dapr-shared:0.0.15"}]
      volumes: [{name: shared-data, emptyDir: {}}]
      containers:
        - name: daprd
          image: docker.io/daprio/daprd:1.15.7
          args: [/daprd, --mode=kubernetes, "--app-id={{ .Values.shared.appId }}"]
          livenessProbe: {httpGet: {path: /v1.0/healthz, port: 3501}}
          readinessProbe: {httpGet: {path: /v1.0/healthz, port: 3501}}
"""


def make(folder: pathlib.Path) -> pathlib.Path:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(CHART)
    (folder / "templates" / "all.yaml").write_text(TEMPLATE)
    return folder
