{{- define "trueup.selector" -}}
app.kubernetes.io/name: trueup
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "trueup.labels" -}}
{{ include "trueup.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "trueup.config" -}}
{{- $listen := merge (dict "address" "0.0.0.0:8440") (.Values.config.listen | default dict) -}}
{{- merge (dict "listen" $listen) (deepCopy .Values.config) | toYaml -}}
{{- end }}
