{{/* The file of `kafka-sluice injector --config`. */}}
{{- define "kafka-sluice.injector.file" -}}
{{- $fullname := include "kafka-sluice.injector.fullname" . -}}
{{- $namespace := .Release.Namespace -}}
{{- with .Values.injector -}}
listen: { host: {{ include "kafka-sluice.injector.host" $ }}, port: {{ .port }} }
admin: { host: {{ include "kafka-sluice.injector.host" $ }}, port: {{ .adminPort }} }
log: { level: {{ .logLevel }} }
stopDelay: {{ .stopDelay }}
certificate:
{{- if eq .certificate.source "self-signed" }}
  secret: {{ $namespace }}/{{ $fullname }}-tls
  webhookConfiguration: {{ include "kafka-sluice.clusterName" $ }}
  names:
    - {{ $fullname }}.{{ $namespace }}.svc
    - {{ $fullname }}.{{ $namespace }}
  lifetime: {{ .certificate.lifetime }}
  authorityLifetime: {{ .certificate.authorityLifetime }}
{{- else }}
  certFile: /etc/kafka-sluice/tls/tls.crt
  keyFile: /etc/kafka-sluice/tls/tls.key
{{- end }}
locked: {{ toJson .locked }}
{{- with .defaults }}
defaults:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
sidecar:
  {{- include "kafka-sluice.container" . | nindent 2 }}
{{- with .Values.sidecar.extraVolumes }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* IPv6 where the sidecars are told so. */}}
{{- define "kafka-sluice.injector.host" -}}
{{- if hasPrefix "[" .Values.sidecar.admin }}"::"{{ else }}0.0.0.0{{ end -}}
{{- end -}}

{{/* Secret that has tls.crt and tls.key. */}}
{{- define "kafka-sluice.injector.secretName" -}}
{{- .Values.injector.certificate.secretName | default (printf "%s-tls" (include "kafka-sluice.injector.fullname" .)) -}}
{{- end -}}

{{/* What all webhooks have. Of self-signed certificates caBundle is absent: the injector writes it, and an upgrade leaves it alone. */}}
{{- define "kafka-sluice.injector.webhook" -}}
{{- $path := .path -}}
{{- with .root -}}
admissionReviewVersions: [v1]
sideEffects: None
matchPolicy: Equivalent
timeoutSeconds: {{ .Values.injector.timeoutSeconds }}
clientConfig:
  {{- with .Values.injector.certificate.caBundle }}
  caBundle: {{ . }}
  {{- end }}
  service:
    name: {{ include "kafka-sluice.injector.fullname" . }}
    namespace: {{ .Release.Namespace }}
    port: {{ .Values.injector.service.port }}
    path: {{ $path }}
{{- end -}}
{{- end -}}
