{{- define "triad.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "triad.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "triad.labels" -}}
{{ include "triad.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "triad.image" -}}
{{ with .root.Values.image.repository }}{{ . }}/{{ end }}triad-{{ .image }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "triad.secret" -}}
{{ .Values.existingSecret | default (include "triad.name" .) }}
{{- end }}

{{/* Environment of api, worker and the migration. */}}
{{- define "triad.env" -}}
{{- range list "DATABASE_URL" "REDIS_URL" "TRIAD_SECRET_KEY" "TRIAD_BOOTSTRAP_KEY" }}
- name: {{ . }}
  valueFrom: { secretKeyRef: { name: {{ include "triad.secret" $ }}, key: {{ . }} } }
{{- end }}
{{- range list "TRIAD_SECRET_KEYS_OLD" "TRIAD_TENANT_DATABASE_URL" "TRIAD_METRICS_TOKEN" }}
- name: {{ . }}
  valueFrom: { secretKeyRef: { name: {{ include "triad.secret" $ }}, key: {{ . }}, optional: true } }
{{- end }}
- name: TRIAD_INTERNAL_URL
  value: http://{{ include "triad.name" . }}-api:{{ .Values.service.port }}
- name: TRIAD_RUNTIME_URL
  value: {{ .Values.runtime.url | default (printf "http://%s-runtime:8000" (include "triad.name" .)) | quote }}
- name: TRIAD_SCORER_URL
  value: {{ .Values.scorer.url | default (printf "http://%s-scorer:8000" (include "triad.name" .)) | quote }}
{{- range $name, $value := .Values.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* What every pod has. */}}
{{- define "triad.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
volumes:
  - name: home
    persistentVolumeClaim: { claimName: {{ .Values.home.existingClaim | default (include "triad.name" .) }} }
  - name: tmp
    emptyDir: {}
{{- end }}

{{/* What every container has. */}}
{{- define "triad.container" -}}
image: {{ include "triad.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
volumeMounts:
  - { name: home, mountPath: /var/lib/triad, readOnly: {{ eq .image "runtime" }} }
  - { name: tmp, mountPath: /tmp }
{{- end }}

{{/* Migrations take a lock in the database, so that each pod may try. */}}
{{- define "triad.migrate" -}}
- name: migrate
  {{- include "triad.container" . | nindent 2 }}
  command: [node, dist/src/migrate.js]
  env: {{- include "triad.env" .root | nindent 4 }}
{{- end }}
