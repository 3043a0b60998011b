{{- /* Where the control plane is: all of it follows from its namespace, the cluster's domain and the
trust domain, unless an address says otherwise. What the public chart has as its default counts as not
said, so that a copy of its values file follows too. */ -}}

{{- define "dapr-shared.controlPlaneNamespace" -}}
{{- .Values.shared.controlPlane.namespace | default "dapr-system" | toString -}}
{{- end -}}

{{- define "dapr-shared.clusterDomain" -}}
{{- .Values.shared.controlPlane.clusterDomain | default "cluster.local" | toString | trimAll "." -}}
{{- end -}}

{{- define "dapr-shared.trustDomain" -}}
{{- .Values.shared.controlPlane.trustDomain | default "cluster.local" | toString -}}
{{- end -}}

{{- /* (dict "root" $ "given" {address, port} "service" name "port" default) */ -}}
{{- define "dapr-shared.controlPlaneAddress" -}}
{{- $given := .given | default dict -}}
{{- $public := printf "%s.dapr-system.svc.cluster.local" .service -}}
{{- $address := $given.address | default $public | toString -}}
{{- if eq $address $public -}}
{{- $address = printf "%s.%s.svc.%s" .service (include "dapr-shared.controlPlaneNamespace" .root) (include "dapr-shared.clusterDomain" .root) -}}
{{- end -}}
{{- $port := $given.port | default .port | toString -}}
{{- if and (eq $port "80") (hasPrefix "dapr-sentry." $address) -}}{{- $port = "443" -}}{{- end -}}
{{- printf "%s:%s" $address $port -}}
{{- end -}}

{{- define "dapr-shared.operatorAddress" -}}
{{- include "dapr-shared.controlPlaneAddress" (dict "root" . "given" .Values.shared.controlPlane.operator "service" "dapr-api" "port" "443") -}}
{{- end -}}

{{- define "dapr-shared.placementAddress" -}}
{{- include "dapr-shared.controlPlaneAddress" (dict "root" . "given" .Values.shared.controlPlane.placementServer "service" "dapr-placement-server" "port" "50005") -}}
{{- end -}}

{{- define "dapr-shared.sentryAddress" -}}
{{- include "dapr-shared.controlPlaneAddress" (dict "root" . "given" .Values.shared.controlPlane.sentry "service" "dapr-sentry" "port" "443") -}}
{{- end -}}

{{- define "dapr-shared.schedulerAddress" -}}
{{- $public := "dapr-scheduler-server-0.dapr-scheduler-server.dapr-system.svc.cluster.local:50006" -}}
{{- $given := .Values.shared.scheduler.address | default $public | toString -}}
{{- if eq $given $public -}}
{{- printf "dapr-scheduler-server-a.%s.svc.%s:443" (include "dapr-shared.controlPlaneNamespace" .) (include "dapr-shared.clusterDomain" .) -}}
{{- else -}}
{{- $given -}}
{{- end -}}
{{- end -}}

{{- define "dapr-shared.tokenAudience" -}}
{{- $public := "spiffe://cluster.local/ns/dapr-system/dapr-sentry" -}}
{{- $given := (.Values.shared.daprd.serviceAccountIdentityToken | default dict).audience | default $public | toString -}}
{{- if eq $given $public -}}
{{- printf "spiffe://%s/ns/%s/dapr-sentry" (include "dapr-shared.trustDomain" .) (include "dapr-shared.controlPlaneNamespace" .) -}}
{{- else -}}
{{- $given -}}
{{- end -}}
{{- end -}}

{{- /* "true" or "false" */ -}}
{{- define "dapr-shared.mtls" -}}
{{- $given := .Values.shared.daprd.mtls.enabled | toString -}}
{{- if has $given (list "true" "false") -}}
{{- $given -}}
{{- else -}}
{{- $enabled := true -}}
{{- if .Capabilities.APIVersions.Has "dapr.io/v1alpha1/Configuration" -}}
{{- $seen := lookup "dapr.io/v1alpha1" "Configuration" (include "dapr-shared.controlPlaneNamespace" .) "daprsystem" -}}
{{- $enabled = dig "spec" "mtls" "enabled" true ($seen | default dict) -}}
{{- end -}}
{{- ternary "false" "true" (eq (toString $enabled) "false") -}}
{{- end -}}
{{- end -}}

{{- /* watch, configMap or value. Dapr's own daprd reads its environment only, and without rights nobody watches. */ -}}
{{- define "dapr-shared.trustSource" -}}
{{- $source := .Values.shared.controlPlane.trustAnchors.source | default "watch" -}}
{{- if and (eq $source "watch") (or (include "dapr-shared.stock" .) (not (include "dapr-shared.mayBind" .))) -}}
value
{{- else -}}
{{- $map := .Values.shared.controlPlane.trustAnchors.configMap | default dict -}}
{{- if and (eq $source "watch") (or (ne ($map.name | default "dapr-trust-bundle") "dapr-trust-bundle") (ne ($map.key | default "ca.crt") "ca.crt")) -}}
{{- fail (printf "shared.controlPlane.trustAnchors.configMap names %s: with source \"watch\" the roots come from sentry's own ConfigMap, dapr-trust-bundle of %s; to read another one, of the release's namespace, set shared.controlPlane.trustAnchors.source=configMap" $map.name (include "dapr-shared.controlPlaneNamespace" .)) -}}
{{- end -}}
{{- $source -}}
{{- end -}}
{{- end -}}

{{- define "dapr-shared.trustPem" -}}
{{- $anchors := .Values.shared.controlPlane.trustAnchors -}}
{{- if $anchors.pem -}}
{{- $anchors.pem -}}
{{- else -}}
{{- $map := lookup "v1" "ConfigMap" (include "dapr-shared.controlPlaneNamespace" .) "dapr-trust-bundle" -}}
{{- dig "data" "ca.crt" "" ($map | default dict) -}}
{{- end -}}
{{- end -}}
