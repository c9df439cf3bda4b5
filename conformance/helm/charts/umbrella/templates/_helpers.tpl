{{- define "umbrella.name" -}}
{{ .Chart.Name }}-{{ .Release.Name | trunc 5 }}
{{- end }}
{{- define "shared.who" }}umbrella{{ end -}}
{{- define "umbrella.labels" }}
app: {{ include "umbrella.name" . }}
version: {{ .Chart.Version | quote }}
{{- end }}
