{{- define "kafka-sluice.gateway.advertisedHost" -}}
{{- .Values.gateway.advertisedHost | default (printf "%s.%s.svc.%s" (include "kafka-sluice.gateway.fullname" .) .Release.Namespace .Values.gateway.clusterDomain) -}}
{{- end -}}

{{/* The configuration file: what the operator wrote, with where it listens. */}}
{{- define "kafka-sluice.gateway.config" -}}
{{- with .Values.gateway -}}
{{- $last := sub (add .brokerPorts.first .brokerPorts.count) 1 -}}
{{- $host := include "kafka-sluice.gateway.host" $ -}}
{{- $listen := dict "host" $host "port" .port "advertisedHost" (include "kafka-sluice.gateway.advertisedHost" $) "brokerPorts" (printf "%d-%d" (int .brokerPorts.first) (int $last)) -}}
{{- $admin := dict "host" $host "port" .adminPort -}}
{{- $log := ternary (dict "log" (dict "level" .logLevel)) dict (ne .logLevel "") -}}
{{- toYaml (mergeOverwrite (deepCopy .config) $log (dict "listen" (merge (deepCopy .listen) $listen) "admin" (merge (deepCopy .admin) $admin))) -}}
{{- end -}}
{{- end -}}

{{/* IPv6 where the sidecars are told so. */}}
{{- define "kafka-sluice.gateway.host" -}}
{{- if hasPrefix "[" .Values.sidecar.admin }}::{{ else }}0.0.0.0{{ end -}}
{{- end -}}

{{/* What a running gateway cannot take over; the rest of the file it does. */}}
{{- define "kafka-sluice.gateway.fixed" -}}
{{- $config := include "kafka-sluice.gateway.config" . | fromYaml -}}
{{- toJson (pick $config "upstream" "listen" "admin" "labels" "labelsFile" "limits" "metrics" "followKafka") -}}
{{- end -}}

{{- define "kafka-sluice.gateway.configMapName" -}}
{{- .Values.gateway.existingConfigMap | default (include "kafka-sluice.gateway.fullname" .) -}}
{{- end -}}
