{{/*
The sidecar: one container, in the injector's file and in the templates of other charts. In a chart that depends on this one:

  spec:
    initContainers:
      {{- include "kafka-sluice.sidecar" . | nindent 6 }}
    containers: …
    volumes:
      {{- include "kafka-sluice.volumes" . | nindent 6 }}

and, where sidecar.config has the configuration, in a file of its own: {{ include "kafka-sluice.configMap" . }}
Values are those of the dependency (kafka-sluice: sidecar: …).
*/}}

{{- define "kafka-sluice.sidecar" -}}
{{- $scope := get (.Subcharts | default dict) "kafka-sluice" | default $ -}}
{{- $container := include "kafka-sluice.container" $scope | fromYaml -}}
{{- $s := $scope.Values.sidecar -}}
{{- $env := $container.env -}}
{{- with $s.upstream }}{{ $env = append $env (dict "name" "SLUICE_UPSTREAM" "value" .) }}{{ end -}}
{{- with $s.logLevel }}{{ $env = append $env (dict "name" "SLUICE_LOG_LEVEL" "value" .) }}{{ end -}}
{{- with include "kafka-sluice.labelList" $s.labels }}{{ $env = append $env (dict "name" "SLUICE_LABELS" "value" .) }}{{ end -}}
{{- if or $s.config $s.existingConfigMap }}{{ $env = append $env (dict "name" "SLUICE_CONFIG" "value" "/etc/kafka-sluice/config/sluice.yaml") }}{{ end -}}
{{- $env = append $env (dict "name" "SLUICE_LABELS_FILE" "value" "/etc/kafka-sluice/pod/labels") -}}
{{- $mounts := concat ($container.volumeMounts | default list) (include "kafka-sluice.mounts" (dict "settings" $s "hasConfig" (or $s.config $s.existingConfigMap)) | fromYamlArray) -}}
{{- $mounts = append $mounts (dict "name" "kafka-sluice-pod" "mountPath" "/etc/kafka-sluice/pod" "readOnly" true) -}}
{{- list (merge (dict "env" $env "volumeMounts" $mounts) $container) | toYaml -}}
{{- end -}}

{{/* Volumes that the sidecar mounts. */}}
{{- define "kafka-sluice.volumes" -}}
{{- $scope := get (.Subcharts | default dict) "kafka-sluice" | default $ -}}
{{- $s := $scope.Values.sidecar -}}
- name: kafka-sluice-pod
  downwardAPI:
    items:
      - path: labels
        fieldRef: { fieldPath: metadata.labels }
{{- if $s.existingConfigMap }}
- name: kafka-sluice-config
  configMap: { name: {{ $s.existingConfigMap | quote }} }
{{- else if $s.config }}
- name: kafka-sluice-config
  configMap: { name: {{ include "kafka-sluice.sidecarConfigMapName" . | quote }} }
{{- end }}
{{- with include "kafka-sluice.mountedVolumes" $s }}
{{ . }}
{{- end }}
{{- with $s.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The ConfigMap of sidecar.config; a change of it is taken without a restart. */}}
{{- define "kafka-sluice.configMap" -}}
{{- $scope := get (.Subcharts | default dict) "kafka-sluice" | default $ -}}
{{- with $scope.Values.sidecar.config -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "kafka-sluice.sidecarConfigMapName" $ }}
  labels:
    app.kubernetes.io/instance: {{ $.Release.Name }}
    app.kubernetes.io/managed-by: {{ $.Release.Service }}
data:
  sluice.yaml: |
    {{- toYaml . | nindent 4 }}
{{- end -}}
{{- end -}}

{{- define "kafka-sluice.sidecarConfigMapName" -}}
{{- printf "%s-sluice" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "kafka-sluice.labelList" -}}
{{- $pairs := list -}}
{{- range $name, $value := . }}{{ $pairs = append $pairs (printf "%s=%s" $name (toString $value)) }}{{ end -}}
{{- join "," $pairs -}}
{{- end -}}

{{/* The container, without what a pod makes of it. */}}
{{- define "kafka-sluice.container" -}}
{{- $s := .Values.sidecar -}}
name: {{ $s.name }}
image: {{ include "kafka-sluice.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
# A native sidecar: it starts before the containers that follow, ends after them, and keeps no Job from being done.
restartPolicy: Always
args: [run]
env:
  - name: POD_NAME
    valueFrom: { fieldRef: { fieldPath: metadata.name } }
  - name: POD_NAMESPACE
    valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
  - name: POD_SERVICE_ACCOUNT
    valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } }
  - name: SLUICE_LISTEN
    value: {{ $s.listen | quote }}
  - name: SLUICE_ADMIN
    value: {{ $s.admin | quote }}
  {{- with $s.brokerPorts }}
  - name: SLUICE_BROKER_PORTS
    value: {{ . | quote }}
  {{- end }}
  {{- with $s.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: sluice-admin
    containerPort: {{ include "kafka-sluice.portOf" $s.admin }}
    protocol: TCP
# Nothing after it starts before this succeeds. Ten minutes: a cluster that is down is no reason to restart.
startupProbe:
  httpGet: { path: {{ include "kafka-sluice.probePath" $s.startWhen }}, port: sluice-admin }
  periodSeconds: 1
  timeoutSeconds: 3
  failureThreshold: 600
# The pod is ready only if its sidecar is.
readinessProbe:
  httpGet: { path: {{ include "kafka-sluice.probePath" $s.readyWhen }}, port: sluice-admin }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
# A restart cuts every connection: only for a process that has not answered for a minute.
livenessProbe:
  httpGet: { path: /healthz, port: sluice-admin }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
resources:
  {{- toYaml $s.resources | nindent 2 }}
securityContext:
  {{- include "kafka-sluice.withoutNulls" $s.securityContext | nindent 2 }}
{{- with $s.extraVolumeMounts }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "kafka-sluice.probePath" -}}
{{- if eq . "brokers" }}/readyz{{ else }}/healthz{{ end -}}
{{- end -}}

{{/* `runAsUser: null` in values takes the default away; Kubernetes is not told of it. */}}
{{- define "kafka-sluice.withoutNulls" -}}
{{- $kept := dict -}}
{{- range $key, $value := . }}{{ if not (kindIs "invalid" $value) }}{{ $_ := set $kept $key $value }}{{ end }}{{ end -}}
{{- toYaml $kept -}}
{{- end -}}

{{/* Mounts of a configuration, Secrets, ConfigMaps and a token: of the sidecar and of the gateway, at the same paths. */}}
{{- define "kafka-sluice.mounts" -}}
{{- if .hasConfig }}
- { name: kafka-sluice-config, mountPath: /etc/kafka-sluice/config, readOnly: true }
{{- end }}
{{- range $i, $name := .settings.mountSecrets }}
- { name: kafka-sluice-secret-{{ $i }}, mountPath: /etc/kafka-sluice/secrets/{{ $name }}, readOnly: true }
{{- end }}
{{- range $i, $name := .settings.mountConfigMaps }}
- { name: kafka-sluice-config-map-{{ $i }}, mountPath: /etc/kafka-sluice/config-maps/{{ $name }}, readOnly: true }
{{- end }}
{{- if .settings.tokenAudience }}
- { name: kafka-sluice-token, mountPath: /etc/kafka-sluice/token, readOnly: true }
{{- end }}
{{- end -}}

{{- define "kafka-sluice.mountedVolumes" -}}
{{- $volumes := list -}}
{{- range $i, $name := .mountSecrets -}}
{{- $volumes = append $volumes (dict "name" (printf "kafka-sluice-secret-%d" $i) "secret" (dict "secretName" $name "defaultMode" 0444)) -}}
{{- end -}}
{{- range $i, $name := .mountConfigMaps -}}
{{- $volumes = append $volumes (dict "name" (printf "kafka-sluice-config-map-%d" $i) "configMap" (dict "name" $name)) -}}
{{- end -}}
{{- with .tokenAudience -}}
{{- $token := dict "path" "token" "audience" . "expirationSeconds" 3600 -}}
{{- $volumes = append $volumes (dict "name" "kafka-sluice-token" "projected" (dict "defaultMode" 0444 "sources" (list (dict "serviceAccountToken" $token)))) -}}
{{- end -}}
{{- if $volumes }}{{ toYaml $volumes }}{{ end -}}
{{- end -}}
