{{- /* The pod template, the same for both strategies. */ -}}

{{- define "dapr-shared.podAnnotations" -}}
{{- $daprd := .Values.shared.daprd -}}
{{- $own := dict "dapr.io/app-id" (include "dapr-shared.appId" .) -}}
{{- with $daprd.config }}{{- $_ := set $own "dapr.io/config" (toString .) -}}{{- end -}}
{{- if and (eq (toString $daprd.metrics.enabled) "true") (eq (toString $daprd.metrics.annotations) "true") -}}
{{- $_ := set $own "prometheus.io/scrape" "true" -}}
{{- $_ := set $own "prometheus.io/port" (toString $daprd.metrics.port) -}}
{{- $_ := set $own "prometheus.io/path" "/metrics" -}}
{{- end -}}
{{- $tokens := list (toString $daprd.tokenRevision) -}}
{{- range list $daprd.token (include "dapr-shared.appTokenGiven" .) -}}
{{- if . -}}{{- $tokens = append $tokens (derivePassword 1 "maximum" (toString .) $.Release.Name $.Release.Namespace) -}}{{- end -}}
{{- end -}}
{{- if eq (toString $daprd.generateToken) "true" -}}{{- $tokens = append $tokens "api" -}}{{- end -}}
{{- if eq (toString .Values.shared.generateAppToken) "true" -}}{{- $tokens = append $tokens "app" -}}{{- end -}}
{{- $_ := set $own "checksum/tokens" (join "/" $tokens | sha256sum | trunc 16) -}}
{{- $all := dict -}}
{{- range $key, $value := merge (dict) (omit (.Values.podAnnotations | default dict) "dapr.io/app-id") $own -}}
{{- $_ := set $all $key (toString $value) -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{- define "dapr-shared.grace" -}}
{{- $shared := .Values.shared -}}
{{- if not (empty $shared.terminationGracePeriodSeconds) -}}
{{- int $shared.terminationGracePeriodSeconds -}}
{{- else -}}
{{- $graceful := int $shared.daprd.gracefulShutdownSeconds -}}
{{- add 10 (ternary 5 $graceful (lt $graceful 0)) (int $shared.preStopSeconds) (int $shared.daprd.blockShutdownSeconds) -}}
{{- end -}}
{{- end -}}

{{- define "dapr-shared.affinity" -}}
{{- $given := .Values.affinity | default dict -}}
{{- if and (not $given.nodeAffinity) (eq (toString .Values.shared.scheduling.controlPlaneNodes) "false") -}}
{{- $terms := list (dict "matchExpressions" (list (dict "key" "node-role.kubernetes.io/control-plane" "operator" "DoesNotExist"))) -}}
{{- $required := dict "nodeSelectorTerms" $terms -}}
{{- $given = merge (dict "nodeAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" $required)) $given -}}
{{- end -}}
{{- if $given -}}{{- toYaml $given -}}{{- end -}}
{{- end -}}

{{- define "dapr-shared.podTemplate" -}}
{{- $shared := .Values.shared -}}
{{- $daprd := $shared.daprd -}}
{{- $stock := include "dapr-shared.stock" . -}}
{{- $hostPorts := dict -}}
{{- if eq (include "dapr-shared.strategy" .) "daemonset" -}}{{- $hostPorts = $shared.daemonset.hostPorts | default dict -}}{{- end -}}
metadata:
  annotations:
    {{- include "dapr-shared.podAnnotations" . | nindent 4 }}
  labels:
    {{- with $shared.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    dapr.io/app-id: {{ include "dapr-shared.appId" . | quote }}
    {{- include "dapr-shared.selectorLabels" . | nindent 4 }}
spec:
  serviceAccountName: {{ include "dapr-shared.serviceAccountName" . | quote }}
  automountServiceAccountToken: {{ ternary true false (eq (include "dapr-shared.usesApi" .) "true") }}
  terminationGracePeriodSeconds: {{ include "dapr-shared.grace" . }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq (toString $shared.scheduling.hostNetwork) "true" }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  {{- with $shared.scheduling.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  volumes:
    - name: dapr-identity-token
      projected:
        defaultMode: 420
        sources:
          - serviceAccountToken:
              audience: {{ include "dapr-shared.tokenAudience" . | quote }}
              expirationSeconds: 7200
              path: token
    {{- if and (eq (include "dapr-shared.trustSource" .) "configMap") (not $stock) }}
    - name: dapr-trust-anchors
      configMap:
        name: {{ $shared.controlPlane.trustAnchors.configMap.name | quote }}
        items:
          - {key: {{ $shared.controlPlane.trustAnchors.configMap.key | quote }}, path: ca.crt}
    {{- end }}
    {{- if include "dapr-shared.resourcesCache" . }}
    - name: resources-cache
      emptyDir: {medium: Memory, sizeLimit: {{ $shared.resourcesCache.sizeLimit | quote }}}
    {{- end }}
    {{- with $daprd.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if eq (toString $shared.initContainer.enabled) "true" }}
  initContainers:
    - name: shared-init-container
      image: {{ with $shared.initContainer.image }}{{ printf "%s/%s:%v" .registry .name .tag | quote }}{{ end }}
      imagePullPolicy: {{ $shared.initContainer.image.pullPolicy | default "Always" | quote }}
      {{- with $shared.initContainer.args }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      env:
        - name: DAPR_CONTROL_PLANE_NAMESPACE
          value: {{ include "dapr-shared.controlPlaneNamespace" . | quote }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $shared.initContainer.resources | default $daprd.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- end }}
  containers:
    - name: daprd
      image: {{ include "dapr-shared.image" . | quote }}
      imagePullPolicy: {{ $daprd.image.pullPolicy | default "IfNotPresent" | quote }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      args:
        {{- include "dapr-shared.args" . | nindent 8 }}
      env:
        {{- include "dapr-shared.env" . | trim | nindent 8 }}
      {{- with $daprd.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ int $daprd.httpPort }}
          {{- if gt (int $hostPorts.http) 0 }}
          hostPort: {{ int $hostPorts.http }}
          {{- end }}
        - name: grpc
          containerPort: {{ int $daprd.grpcPort }}
          {{- if gt (int $hostPorts.grpc) 0 }}
          hostPort: {{ int $hostPorts.grpc }}
          {{- end }}
        - name: internal-grpc
          containerPort: {{ int $daprd.internalGrpcPort }}
        - name: public-http
          containerPort: {{ int $daprd.publicPort }}
        - name: metrics
          containerPort: {{ int $daprd.metrics.port }}
        {{- if include "dapr-shared.scaler" . }}
        - name: scaler
          containerPort: {{ int $shared.keda.port }}
        {{- end }}
      startupProbe:
        tcpSocket: {port: public-http}
        {{- toYaml $shared.probes.startup | nindent 8 }}
      livenessProbe:
        {{- include "dapr-shared.liveness" . | nindent 8 }}
        {{- toYaml $shared.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: {path: /v1.0/healthz, port: public-http}
        {{- toYaml $shared.probes.readiness | nindent 8 }}
      {{- if and (gt (int $shared.preStopSeconds) 0) (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version) }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ int $shared.preStopSeconds }}}
      {{- end }}
      {{- with $daprd.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: dapr-identity-token
          mountPath: /var/run/secrets/dapr.io/sentrytoken
          readOnly: true
        {{- if and (eq (include "dapr-shared.trustSource" .) "configMap") (not $stock) }}
        - name: dapr-trust-anchors
          mountPath: /var/run/secrets/dapr.io/trust-anchors
          readOnly: true
        {{- end }}
        {{- if include "dapr-shared.resourcesCache" . }}
        - name: resources-cache
          mountPath: /var/cache/dapr
        {{- end }}
        {{- with $daprd.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  {{- with $shared.scheduling.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "dapr-shared.affinity" . }}
  affinity:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq (include "dapr-shared.strategy" .) "deployment" }}
  {{- if eq (toString $shared.scheduling.topologySpreadConstraints) "auto" }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "dapr-shared.selectorLabels" $ | nindent 10 }}
    {{- end }}
  {{- else if $shared.scheduling.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml $shared.scheduling.topologySpreadConstraints | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}
