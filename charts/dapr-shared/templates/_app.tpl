{{- /* Where the app is, out of remoteURL, remotePort and app.protocol, as YAML with host, port and
protocol. remoteURL is host, host:port, [IPv6]:port, bare IPv6 or URL. */ -}}

{{- define "dapr-shared.target" -}}
{{- $shared := .Values.shared -}}
{{- $port := required ".Values.shared.remotePort is required" $shared.remotePort | toString -}}
{{- $protocol := required ".Values.shared.daprd.app.protocol is required" $shared.daprd.app.protocol | toString | lower -}}
{{- $protocols := list "http" "https" "h2c" "grpc" "grpcs" -}}
{{- if not (has $protocol $protocols) -}}
{{- fail (printf "shared.daprd.app.protocol is %q: it is one of %s" $protocol (join ", " $protocols)) -}}
{{- end -}}
{{- $url := $shared.remoteURL | default "" | toString | trim -}}
{{- $scheme := regexFind "^[A-Za-z][A-Za-z0-9+.-]*://" $url | trimSuffix "://" | lower -}}
{{- $rest := regexReplaceAll "^[A-Za-z][A-Za-z0-9+.-]*://" $url "" | trimSuffix "/" -}}
{{- if and $scheme (not (has $scheme $protocols)) -}}
{{- fail (printf "shared.remoteURL %q has a scheme that no app is called with; use one of %s" $url (join ", " $protocols)) -}}
{{- end -}}
{{- if regexMatch "[/?#@]" $rest -}}
{{- fail (printf "shared.remoteURL %q says more than scheme, host and port; paths, queries and users have no place in it" $url) -}}
{{- end -}}
{{- $host := $rest -}}
{{- $urlPort := "" -}}
{{- if regexMatch "^\\[[0-9A-Fa-f:.]+\\](:[0-9]+)?$" $rest -}}
{{- $urlPort = regexFind "\\]:[0-9]+$" $rest | trimPrefix "]:" -}}
{{- $host = regexFind "^\\[[0-9A-Fa-f:.]+\\]" $rest | trimPrefix "[" | trimSuffix "]" -}}
{{- else if regexMatch "^[^:]+:[0-9]+$" $rest -}}
{{- $urlPort = regexFind "[0-9]+$" $rest -}}
{{- $host = regexFind "^[^:]+" $rest -}}
{{- end -}}
{{- if not (or (eq $url "") (regexMatch "^[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$" $host) (regexMatch "^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\\.?$" $host)) -}}
{{- fail (printf "shared.remoteURL %q is no host, no host:port and no URL" $url) -}}
{{- end -}}
{{- if and $urlPort (ne $port "0") (ne $port $urlPort) -}}
{{- fail (printf "shared.remoteURL %q has port %s but shared.remotePort is %s; leave one out" $url $urlPort $port) -}}
{{- end -}}
{{- if and (eq $port "0") $urlPort -}}
{{- $port = $urlPort -}}
{{- else if and (eq $port "0") $scheme -}}
{{- $port = ternary "443" "80" (has $scheme (list "https" "grpcs")) -}}
{{- end -}}
{{- if or (not (regexMatch "^[0-9]{1,5}$" $port)) (gt (atoi $port) 65535) -}}
{{- fail (printf "the app's port is %q: it is a number up to 65535" $port) -}}
{{- end -}}
{{- if eq $scheme "https" -}}
{{- $protocol = get (dict "http" "https" "h2c" "https" "grpc" "grpcs") $protocol | default $protocol -}}
{{- else if has $scheme (list "h2c" "grpc" "grpcs") -}}
{{- $protocol = $scheme -}}
{{- end -}}
host: {{ $host | quote }}
port: {{ $port | quote }}
protocol: {{ $protocol | quote }}
{{- end -}}

{{- /* Namespace of the app's Service when remoteURL names one of this cluster, else nothing. */ -}}
{{- define "dapr-shared.targetNamespace" -}}
{{- $host := (include "dapr-shared.target" . | fromYaml).host | trimSuffix "." -}}
{{- if and $host (not (contains ":" $host)) (not (regexMatch "^[0-9.]+$" $host)) -}}
{{- $labels := splitList "." $host -}}
{{- if eq (len $labels) 1 -}}
{{- .Release.Namespace -}}
{{- else if or (eq (len $labels) 2) (eq (index $labels 2) "svc") -}}
{{- index $labels 1 -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Namespace whose EndpointSlices the runtime watches, or nothing. */ -}}
{{- define "dapr-shared.watchedNamespace" -}}
{{- $slices := .Values.shared.endpointSlices -}}
{{- if and (eq (toString $slices.enabled) "true") (not (include "dapr-shared.stock" .)) (include "dapr-shared.mayBind" .) -}}
{{- $namespace := include "dapr-shared.targetNamespace" . -}}
{{- if or (eq $namespace .Release.Namespace) (and $namespace (or (eq (toString $slices.force) "true") (lookup "v1" "Namespace" "" $namespace))) -}}
{{- $namespace -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* "true" when the runtime asks the Kubernetes API for anything. */ -}}
{{- define "dapr-shared.usesApi" -}}
{{- if include "dapr-shared.mayBind" . -}}
{{- if or (eq (include "dapr-shared.trustSource" .) "watch") (include "dapr-shared.discoveryCache" .) (include "dapr-shared.watchedNamespace" .) .Values.shared.secretStore.secrets -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- define "dapr-shared.discoveryCache" -}}
{{- if and (eq (toString .Values.shared.discoveryCache.enabled) "true") (not (include "dapr-shared.stock" .)) (include "dapr-shared.mayBind" .) -}}true{{- end -}}
{{- end -}}

{{- define "dapr-shared.resourcesCache" -}}
{{- if and (eq (toString .Values.shared.resourcesCache.enabled) "true") (not (include "dapr-shared.stock" .)) -}}true{{- end -}}
{{- end -}}

{{- define "dapr-shared.scaler" -}}
{{- if and (eq (toString .Values.shared.keda.enabled) "true") (not (include "dapr-shared.stock" .)) -}}true{{- end -}}
{{- end -}}

{{- /* Whether the app gets a token: "true" or nothing; the Secret and its key that hold it. */ -}}
{{- define "dapr-shared.appTokenGiven" -}}
{{- .Values.shared.appToken | default .Values.shared.initContainer.token | default "" -}}
{{- end -}}

{{- define "dapr-shared.hasAppToken" -}}
{{- if or (include "dapr-shared.appTokenGiven" .) .Values.shared.appTokenSecret.name (eq (toString .Values.shared.generateAppToken) "true") -}}true{{- end -}}
{{- end -}}

{{- define "dapr-shared.hasApiToken" -}}
{{- $daprd := .Values.shared.daprd -}}
{{- if or $daprd.token $daprd.tokenSecret.name (eq (toString $daprd.generateToken) "true") -}}true{{- end -}}
{{- end -}}

{{- /* The given token, else that of the live Secret, else a new one.
(dict "root" $ "given" text "generate" value "key" key) */ -}}
{{- define "dapr-shared.token" -}}
{{- if .given -}}
{{- .given -}}
{{- else if eq (toString .generate) "true" -}}
{{- $root := .root -}}
{{- $live := lookup "v1" "Secret" $root.Release.Namespace (include "dapr-shared.fullname" $root) | default dict -}}
{{- $revision := dig "metadata" "annotations" "dapr-shared/token-revision" "" $live -}}
{{- $kept := dig "data" .key "" $live -}}
{{- if and $kept (eq $revision (toString $root.Values.shared.daprd.tokenRevision)) -}}
{{- $kept | b64dec -}}
{{- else -}}
{{- randAlphaNum 40 -}}
{{- end -}}
{{- end -}}
{{- end -}}
