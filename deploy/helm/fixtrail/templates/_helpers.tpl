{{- define "fixtrail.labels" -}}
app.kubernetes.io/name: fixtrail
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "fixtrail.selector" -}}
app.kubernetes.io/name: fixtrail
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .box }}
{{- end }}

{{- define "fixtrail.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "fixtrail.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
automountServiceAccountToken: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* A container's environment: settings, and a file for each of its secrets. */ -}}
{{- define "fixtrail.env" -}}
{{- range $name, $value := .root.Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range .secrets }}
- name: {{ . }}_FILE
  value: /run/secrets/fixtrail/{{ . }}
{{- end }}
- name: FIXTRAIL_DATA
  value: /var/lib/fixtrail
{{- end }}

{{- define "fixtrail.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /var/lib/fixtrail}
{{- if .secrets }}
- {name: secrets, mountPath: /run/secrets/fixtrail, readOnly: true}
{{- end }}
{{- range .root.Values.files }}
- {name: {{ .name }}, mountPath: {{ .path }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "fixtrail.volumes" -}}
- name: tmp
  emptyDir: {}
- name: data
  emptyDir: {}
{{- if .secrets }}
- name: secrets
  secret:
    secretName: {{ .root.Values.secrets.name }}
    defaultMode: 0440
    items:
    {{- range .secrets }}
      - {key: {{ . }}, path: {{ . }}}
    {{- end }}
{{- end }}
{{- range .root.Values.files }}
- name: {{ .name }}
  {{- if .secret }}
  secret: {secretName: {{ .secret }}, defaultMode: 0440}
  {{- else }}
  configMap: {name: {{ .configMap }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "fixtrail.locked" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
