{{- define "outer" -}}
{{ include "inner" (dict "root" .) }}
{{- end -}}
{{- define "inner" -}}
{{ .root.Values.s.nothing.here }}
{{- end -}}
{{- define "endless" }}{{ include "endless" . }}{{ end -}}
