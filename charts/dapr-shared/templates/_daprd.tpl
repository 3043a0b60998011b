{{- /* The container: its arguments and its environment. The first 21 arguments keep the public chart's order. */ -}}

{{- define "dapr-shared.args" -}}
{{- $shared := .Values.shared -}}
{{- $daprd := $shared.daprd -}}
{{- $stock := include "dapr-shared.stock" . -}}
{{- $appId := include "dapr-shared.appId" . -}}
{{- $target := include "dapr-shared.target" . | fromYaml -}}
{{- $host := $target.host -}}
{{- if and $stock (contains ":" $host) -}}{{- $host = printf "[%s]" $host -}}{{- end -}}
- /daprd
- --mode=kubernetes
- {{ printf "--log-level=%s" $shared.log.level | quote }}
- {{ printf "--log-as-json=%v" $shared.log.json | quote }}
- {{ printf "--dapr-http-port=%v" $daprd.httpPort | quote }}
- {{ printf "--dapr-grpc-port=%v" $daprd.grpcPort | quote }}
- {{ printf "--dapr-internal-grpc-port=%v" $daprd.internalGrpcPort | quote }}
- {{ printf "--dapr-listen-addresses=%s" ($daprd.listenAddresses | default "") | quote }}
- {{ printf "--dapr-public-port=%v" $daprd.publicPort | quote }}
- {{ printf "--dapr-graceful-shutdown-seconds=%v" $daprd.gracefulShutdownSeconds | quote }}
- {{ printf "--app-id=%s" $appId | quote }}
- {{ printf "--app-port=%s" $target.port | quote }}
- {{ printf "--app-protocol=%s" $target.protocol | quote }}
- {{ printf "--control-plane-address=%s" (include "dapr-shared.operatorAddress" .) | quote }}
- {{ printf "--placement-host-address=%s" (include "dapr-shared.placementAddress" .) | quote }}
- {{ printf "--sentry-address=%s" (include "dapr-shared.sentryAddress" .) | quote }}
- {{ printf "--enable-metrics=%v" $daprd.metrics.enabled | quote }}
- {{ printf "--metrics-port=%v" $daprd.metrics.port | quote }}
- {{ printf "--enable-mtls=%s" (include "dapr-shared.mtls" .) | quote }}
{{- if not (kindIs "invalid" $daprd.apiLogging.enabled) }}
- {{ printf "--enable-api-logging=%v" $daprd.apiLogging.enabled | quote }}
{{- end }}
- {{ printf "--app-channel-address=%s" $host | quote }}
- {{ printf "--config=%s" ($daprd.config | default "") | quote }}
{{- if eq (toString $daprd.appHealth.enabled) "true" }}
- --enable-app-health-check=true
- {{ printf "--app-health-check-path=%s" ($daprd.appHealth.checkPath | default $daprd.appHealth.path | default "/healthz") | quote }}
- {{ printf "--app-health-probe-interval=%v" $daprd.appHealth.probeInterval | quote }}
- {{ printf "--app-health-probe-timeout=%v" $daprd.appHealth.probeTimeout | quote }}
- {{ printf "--app-health-threshold=%v" $daprd.appHealth.threshold | quote }}
{{- end }}
{{- if eq (toString $shared.scheduler.enabled) "true" }}
- {{ printf "--scheduler-host-address=%s" (include "dapr-shared.schedulerAddress" .) | quote }}
{{- end }}
{{- if not $shared.secretStore.secrets }}
- --disable-builtin-k8s-secret-store=true
{{- end }}
{{- with $daprd.app.maxConcurrency }}
- {{ printf "--app-max-concurrency=%v" . | quote }}
{{- end }}
{{- with $daprd.maxBodySize }}
- {{ printf "--max-body-size=%v" . | quote }}
{{- end }}
{{- if gt (int $daprd.blockShutdownSeconds) 0 }}
- {{ printf "--dapr-block-shutdown-duration=%ds" (int $daprd.blockShutdownSeconds) | quote }}
{{- end }}
{{- if not $stock }}
{{- if include "dapr-shared.discoveryCache" . }}
- {{ printf "--discovery-cache=configmap:%s-discovery" (include "dapr-shared.fullname" .) | quote }}
{{- end }}
{{- if include "dapr-shared.resourcesCache" . }}
- --resources-cache=/var/cache/dapr
{{- end }}
{{- with $shared.wake.mode }}
- {{ printf "--app-wake=%s" . | quote }}
{{- end }}
{{- with $shared.wake.timeout }}
- {{ printf "--app-wake-timeout=%s" . | quote }}
{{- end }}
{{- if include "dapr-shared.scaler" . }}
- {{ printf "--scaler-port=%v" $shared.keda.port | quote }}
{{- end }}
{{- if eq (toString $daprd.healthzRequiresApp) "true" }}
- --healthz-requires-app=true
{{- end }}
{{- end }}
{{- range $daprd.extraArgs }}
- {{ . | toString | quote }}
{{- end }}
{{- /* Dapr's CLI finds a pod's app by arguments in two words. */}}
- --app-id
- {{ $appId | quote }}
- --app-port
- {{ $target.port | quote }}
{{- end -}}

{{- define "dapr-shared.env" -}}
{{- $shared := .Values.shared -}}
{{- $anchors := $shared.controlPlane.trustAnchors -}}
{{- $source := include "dapr-shared.trustSource" . -}}
{{- if and (eq $source "configMap") (include "dapr-shared.stock" .) }}
- name: DAPR_TRUST_ANCHORS
  valueFrom:
    configMapKeyRef: {name: {{ $anchors.configMap.name | quote }}, key: {{ $anchors.configMap.key | quote }}}
{{- else if eq $source "configMap" }}
- name: DAPR_TRUST_ANCHORS_FILE
  value: /var/run/secrets/dapr.io/trust-anchors/ca.crt
{{- else if eq $source "value" }}
- name: DAPR_TRUST_ANCHORS
  value: {{ include "dapr-shared.trustPem" . | quote }}
{{- end }}
- name: DAPR_CONTROLPLANE_NAMESPACE
  value: {{ include "dapr-shared.controlPlaneNamespace" . | quote }}
{{- if eq (toString $shared.scheduler.enabled) "true" }}
- name: DAPR_SCHEDULER_HOST_ADDRESS
  value: {{ include "dapr-shared.schedulerAddress" . | quote }}
{{- end }}
- name: DAPR_API_TOKEN
  valueFrom:
    secretKeyRef:
{{- if $shared.daprd.tokenSecret.name }}
      name: {{ $shared.daprd.tokenSecret.name | quote }}
      key: {{ $shared.daprd.tokenSecret.key | default "dapr-api-token" | quote }}
{{- else }}
      name: {{ include "dapr-shared.fullname" . | quote }}
      key: dapr-api-token
{{- end }}
- name: DAPR_CONTROLPLANE_TRUST_DOMAIN
  value: {{ include "dapr-shared.trustDomain" . | quote }}
- name: NAMESPACE
  valueFrom:
    fieldRef: {fieldPath: metadata.namespace}
- name: POD_NAME
  valueFrom:
    fieldRef: {fieldPath: metadata.name}
{{- if include "dapr-shared.hasAppToken" . }}
- name: APP_API_TOKEN
  valueFrom:
    secretKeyRef:
{{- if $shared.appTokenSecret.name }}
      name: {{ $shared.appTokenSecret.name | quote }}
      key: {{ $shared.appTokenSecret.key | default "app-api-token" | quote }}
{{- else }}
      name: {{ include "dapr-shared.fullname" . | quote }}
      key: app-api-token
{{- end }}
{{- end }}
{{- with $shared.daprd.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Nothing here asks about the app: a runtime whose app is away is as healthy as any other. Dapr's
own daprd, and --healthz-requires-app, make /v1.0/healthz follow the app, so there the port must do. */ -}}
{{- define "dapr-shared.liveness" -}}
{{- if or (include "dapr-shared.stock" .) (eq (toString .Values.shared.daprd.healthzRequiresApp) "true") -}}
tcpSocket: {port: public-http}
{{- else -}}
httpGet: {path: /v1.0/healthz, port: public-http}
{{- end }}
{{- end -}}
