{{- /* internalTrafficPolicy or trafficDistribution, or nothing. */ -}}
{{- define "dapr-shared.locality" -}}
{{- $locality := .Values.shared.service.locality | default "auto" -}}
{{- if eq $locality "auto" -}}
{{- $locality = "none" -}}
{{- if eq (include "dapr-shared.strategy" .) "daemonset" -}}
{{- $locality = ternary "preferSameNode" "local" (semverCompare ">=1.34-0" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end -}}
{{- if eq $locality "local" -}}
internalTrafficPolicy: Local
{{- else if eq $locality "preferSameNode" -}}
trafficDistribution: PreferSameNode
{{- else if eq $locality "preferClose" -}}
trafficDistribution: PreferClose
{{- else if ne $locality "none" -}}
{{- fail (printf "shared.service.locality is %q: it is one of auto, local, preferSameNode, preferClose, none" $locality) -}}
{{- end -}}
{{- end -}}

{{- /* Type and annotations are the main Service's: a second load balancer would cost and open as much again.
(dict "root" $ "name" name "role" main, alias or peers "headless" bool) */ -}}
{{- define "dapr-shared.service" -}}
{{- $root := .root -}}
{{- $service := $root.Values.shared.service -}}
{{- $daprd := $root.Values.shared.daprd -}}
{{- $ports := $service.ports | default dict -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name | quote }}
  labels:
    {{- include "dapr-shared.labels" $root | nindent 4 }}
    dapr-shared/service: {{ .role | quote }}
  {{- if and (eq .role "main") $service.annotations }}
  annotations:
    {{- toYaml $service.annotations | nindent 4 }}
  {{- end }}
spec:
  {{- if .headless }}
  type: ClusterIP
  clusterIP: None
  {{- else }}
  type: {{ ternary ($service.type | default "ClusterIP") "ClusterIP" (eq .role "main") | quote }}
  {{- with include "dapr-shared.locality" $root }}
  {{ . }}
  {{- end }}
  {{- end }}
  ports:
    - name: dapr-http
      port: {{ ternary (int $daprd.httpPort) (int ($ports.http | default $daprd.httpPort)) .headless }}
      targetPort: http
      protocol: TCP
    - name: dapr-grpc
      port: {{ ternary (int $daprd.grpcPort) (int ($ports.grpc | default $daprd.grpcPort)) .headless }}
      targetPort: grpc
      protocol: TCP
    - name: dapr-internal
      port: {{ ternary (int $daprd.internalGrpcPort) (int ($ports.internal | default $daprd.internalGrpcPort)) .headless }}
      targetPort: internal-grpc
      protocol: TCP
    - name: dapr-metrics
      port: {{ ternary (int $daprd.metrics.port) (int ($ports.metrics | default $daprd.metrics.port)) .headless }}
      targetPort: metrics
      protocol: TCP
  selector:
    {{- include "dapr-shared.selectorLabels" $root | nindent 4 }}
{{- end -}}
