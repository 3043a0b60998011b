{{- /* Names, labels and the checks of values that no schema can explain. */ -}}

{{- define "dapr-shared.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "dapr-shared.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "dapr-shared.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* For objects in namespaces of others, where the release's own namespace must be told apart too: joined by
hyphens alone, "a" + "b-x" and "a-b" + "x" would be one name. */ -}}
{{- define "dapr-shared.mark" -}}
{{- printf "%s/%s" .Release.Namespace (include "dapr-shared.fullname" .) | sha256sum | trunc 8 -}}
{{- end -}}

{{- define "dapr-shared.foreignName" -}}
{{- printf "%s-%s-%s" .Release.Namespace (include "dapr-shared.fullname" .) (include "dapr-shared.mark" .) -}}
{{- end -}}

{{- define "dapr-shared.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dapr-shared.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "dapr-shared.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{ include "dapr-shared.selectorLabels" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end -}}

{{- define "dapr-shared.strategy" -}}
{{- $strategy := .Values.shared.strategy | default "" | toString -}}
{{- if not (has $strategy (list "daemonset" "deployment")) -}}
{{- fail (printf "shared.strategy is %q: set it to daemonset (one instance on each node) or deployment" $strategy) -}}
{{- end -}}
{{- $strategy -}}
{{- end -}}

{{- define "dapr-shared.appId" -}}
{{- $id := required ".Values.shared.appId is required" .Values.shared.appId | toString -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,56}[a-z0-9])?$" $id) -}}
{{- fail (printf "shared.appId %q cannot be used: it names the Service %s-dapr, so it begins with a letter, has only a-z, 0-9 and '-', ends with none of the latter and has at most 58 characters" $id $id) -}}
{{- end -}}
{{- $id -}}
{{- end -}}

{{- define "dapr-shared.serviceName" -}}
{{- printf "%s-dapr" (include "dapr-shared.appId" .) -}}
{{- end -}}

{{- define "dapr-shared.aliasName" -}}
{{- printf "%s-dapr" (.Release.Name | trunc 58 | trimSuffix "-") -}}
{{- end -}}

{{- define "dapr-shared.headless" -}}
{{- if eq (toString .Values.shared.service.headless) "true" -}}
{{- if ne (.Values.shared.service.type | default "ClusterIP") "ClusterIP" -}}
{{- fail (printf "shared.service.type=%s needs an address of its own, which shared.service.headless=true leaves out; set one of them" .Values.shared.service.type) -}}
{{- end -}}
true
{{- end -}}
{{- end -}}

{{- define "dapr-shared.hasAlias" -}}
{{- if and (eq (toString .Values.shared.service.alias) "true") (ne (include "dapr-shared.aliasName" .) (include "dapr-shared.serviceName" .)) -}}true{{- end -}}
{{- end -}}

{{- /* Where apps find the runtime, as YAML with host, http and grpc. A headless Service has the container's ports. */ -}}
{{- define "dapr-shared.endpoint" -}}
{{- $daprd := .Values.shared.daprd -}}
{{- $ports := .Values.shared.service.ports | default dict -}}
{{- $service := include "dapr-shared.serviceName" . -}}
{{- if include "dapr-shared.headless" . -}}
{{- if include "dapr-shared.hasAlias" . -}}
{{- $service = include "dapr-shared.aliasName" . -}}
{{- else -}}
{{- $ports = dict -}}
{{- end -}}
{{- end -}}
host: {{ printf "%s.%s.svc.%s" $service .Release.Namespace (include "dapr-shared.clusterDomain" .) | quote }}
http: {{ int ($ports.http | default $daprd.httpPort) }}
grpc: {{ int ($ports.grpc | default $daprd.grpcPort) }}
{{- end -}}

{{- define "dapr-shared.peersName" -}}
{{- printf "%s-dapr-peers" (include "dapr-shared.appId" . | trunc 52 | trimSuffix "-") -}}
{{- end -}}

{{- define "dapr-shared.serviceAccountName" -}}
{{- $account := .Values.shared.serviceAccount -}}
{{- if eq (toString $account.create) "true" -}}
{{- $account.name | default (include "dapr-shared.fullname" .) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- /* "true" when rights may be bound to the account: it is this release's own, or one chosen by name. */ -}}
{{- define "dapr-shared.mayBind" -}}
{{- if ne (include "dapr-shared.serviceAccountName" .) "default" -}}true{{- end -}}
{{- end -}}

{{- define "dapr-shared.image" -}}
{{- $image := .Values.shared.daprd.image -}}
{{- $name := trimPrefix "/" (printf "%s/%s" ($image.registry | default "") (required ".Values.shared.daprd.image.name is required" $image.name)) -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (toString ($image.tag | default .Chart.AppVersion)) -}}
{{- end -}}
{{- end -}}

{{- /* "true" when the image holds Dapr's own daprd, which refuses flags that are not its own. A mirror keeps the
image's name and its tag, and this project has no version before 1.18.3. */ -}}
{{- define "dapr-shared.stock" -}}
{{- $image := .Values.shared.daprd.image -}}
{{- $runtime := .Values.shared.daprd.runtime | default "auto" -}}
{{- if eq $runtime "dapr" -}}true
{{- else if eq $runtime "auto" -}}
{{- $name := printf "%s/%s" ($image.registry | default "") $image.name -}}
{{- $tag := $image.tag | default "" | toString -}}
{{- if regexMatch "(^|/)(daprio|ghcr\\.io/dapr)/daprd$" $name -}}true
{{- else if and (regexMatch "/daprd$" $name) (not $image.digest) (regexMatch "^v?[0-9]+\\.[0-9]+(\\.[0-9]+)?(-[0-9A-Za-z.-]+)?$" $tag) -}}
{{- if semverCompare "<1.18.3-0" $tag -}}true{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
