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

{{- /* "true" when the image holds Dapr's own daprd, which refuses flags that are not its own. */ -}}
{{- define "dapr-shared.stock" -}}
{{- $image := .Values.shared.daprd.image -}}
{{- $runtime := .Values.shared.daprd.runtime | default "auto" -}}
{{- if eq $runtime "dapr" -}}true
{{- else if and (eq $runtime "auto") (regexMatch "(^|/)(daprio|ghcr\\.io/dapr)/daprd$" (printf "%s/%s" ($image.registry | default "") $image.name)) -}}true
{{- end -}}
{{- end -}}
