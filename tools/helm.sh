#!/bin/sh
# Lints the chart, renders it with each of its values, and validates the result: sh tools/helm.sh
# Needs Python, and helm: the one on the PATH, or Go to build one (some minutes, once; HELM_BIN is where it is kept).
set -eu
cd "$(dirname "$0")/.."
out=build/helm
kept=${HELM_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/fixtrail-helm}
mkdir -p "$out" "$kept"
PATH="$kept:$PATH:/usr/local/go/bin"
command -v helm > /dev/null || GOBIN="$kept" GOTOOLCHAIN=local go install helm.sh/helm/v3/cmd/helm@v3.22.0
[ -x "$kept/python/bin/kubernetes-validate" ] || {
    python3 -m venv "$kept/python"
    "$kept/python/bin/pip" install -q kubernetes-validate==1.37.0
}
# Resources of operators have no schema here: rendered and read as YAML, but not validated.
without_operators="--set monitoring.enabled=false --set secrets.external.enabled=false
    --set boxes.worker.autoscale.enabled=false --set boxes.sink-clickhouse.autoscale.enabled=false"
for values in deploy/helm/fixtrail/values/*.yaml; do
    name=$(basename "$values" .yaml)
    helm lint --strict --quiet deploy/helm/fixtrail -f "$values" 2> "$out/lint.txt" || { cat "$out/lint.txt"; exit 1; }
    # A helm that Go has built knows no version of Kubernetes by itself.
    for version in 1.27.0 1.37.0; do
        helm template fixtrail deploy/helm/fixtrail -f "$values" --kube-version "$version" \
            > "$out/$name.yaml" 2> "$out/template.txt" || { cat "$out/template.txt"; exit 1; }
    done
    # shellcheck disable=SC2086
    helm template fixtrail deploy/helm/fixtrail -f "$values" --kube-version 1.37.0 $without_operators \
        > "$out/$name.core.yaml" 2> /dev/null
    "$kept/python/bin/kubernetes-validate" --strict "$out/$name.core.yaml" > "$out/validate.txt" 2>&1 ||
        { cat "$out/validate.txt"; exit 1; }
    "$kept/python/bin/python" -c "
import sys, yaml
kinds = [document['kind'] for document in yaml.safe_load_all(open(sys.argv[1])) if document]
print(f'{sys.argv[2]}: {len(kinds)} resources, valid ({len(set(kinds))} kinds)')" "$out/$name.yaml" "$name"
done
