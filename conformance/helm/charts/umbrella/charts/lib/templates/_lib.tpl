{{- define "shared.who" }}lib{{ end -}}
{{- define "lib.greeting" }}hello {{ . }}{{ end -}}
