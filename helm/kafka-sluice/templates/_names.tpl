{{/* Names and labels. */}}

{{- define "kafka-sluice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 49 characters: the longest that is made of it, the Service NAME-gateway-admin, has the 63 that a Service may have. */}}
{{- define "kafka-sluice.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 49 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 49 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "kafka-sluice.name" .) | trunc 49 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "kafka-sluice.injector.fullname" -}}
{{- printf "%s-injector" (include "kafka-sluice.fullname" .) -}}
{{- end -}}

{{- define "kafka-sluice.gateway.fullname" -}}
{{- printf "%s-gateway" (include "kafka-sluice.fullname" .) -}}
{{- end -}}

{{/* Of objects that have no namespace: with the whole of the release's, or releases of two namespaces would share them. */}}
{{- define "kafka-sluice.clusterName" -}}
{{- printf "%s-%s" (include "kafka-sluice.injector.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "kafka-sluice.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kafka-sluice.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "kafka-sluice.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "kafka-sluice.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "kafka-sluice.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kafka-sluice.serviceAccountName" -}}
{{- if .settings.serviceAccount.create -}}
{{- .settings.serviceAccount.name | default .fullname -}}
{{- else -}}
{{- .settings.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* `9404` of `0.0.0.0:9404` and of `[::]:9404`. */}}
{{- define "kafka-sluice.portOf" -}}
{{- splitList ":" . | last -}}
{{- end -}}
