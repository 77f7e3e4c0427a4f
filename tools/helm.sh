#!/bin/sh
# Lints the chart, renders it with each of its values, and validates the result: sh tools/helm.sh. Needs Go and Python.
set -eu
cd "$(dirname "$0")/.."
bin=build/helm
mkdir -p "$bin"
[ -x "$bin/helm" ] || GOBIN="$PWD/$bin" go install helm.sh/helm/v3/cmd/helm@v3.18.6
[ -x "$bin/python/bin/kubernetes-validate" ] || {
    python3 -m venv "$bin/python"
    "$bin/python/bin/pip" install -q kubernetes-validate==1.37.0
}
for values in deploy/helm/fixtrail/values/*.yaml; do
    name=$(basename "$values" .yaml)
    "$bin/helm" lint --strict --quiet deploy/helm/fixtrail -f "$values"
    "$bin/helm" template fixtrail deploy/helm/fixtrail -f "$values" > "$bin/$name.yaml"
    # Resources of operators have no schema here: without them.
    "$bin/helm" template fixtrail deploy/helm/fixtrail -f "$values" --set monitoring.enabled=false \
        --set secrets.external.enabled=false --set boxes.worker.autoscale.enabled=false \
        --set boxes.sink-clickhouse.autoscale.enabled=false > "$bin/$name.core.yaml"
    "$bin/python/bin/kubernetes-validate" --strict "$bin/$name.core.yaml"
    echo "$name: fine"
done
