#!/usr/bin/env bash
# The same steps by somebody who takes care: our own Dockerfile and bake-free buildx with its layer cache, checks each
# second, nothing waits to be stopped. Still one step after another.
set -euo pipefail
commit=$(git rev-parse HEAD)
image=$REGISTRY/$NAME:${commit:0:12}
secrets=()
if [ -n "${SSL_CERT_FILE:-}" ]; then secrets=(--secret "id=ca,src=$SSL_CERT_FILE"); fi
build=(docker buildx build --load --provenance=false --build-arg PYTHON_IMAGE="$PYTHON_IMAGE" --build-arg COMMIT="$commit" "${secrets[@]}")
test_stack=(docker compose --project-name "$NAME-test" --file docker-compose.test.yml --file "$CHECKS")
live_stack=(docker compose --project-name "$NAME-live" --file docker-compose.yml --file "$CHECKS")
trap '"${test_stack[@]}" down --volumes --timeout 0 >/dev/null 2>&1' ERR INT TERM

"$HADOLINT" --failure-threshold warning Dockerfile
"${build[@]}" --target runtime --tag "$image" .
"${build[@]}" --target test --tag "$NAME-unit" .
docker run --rm --name "$NAME-unit" --network none "$NAME-unit"
"$TRIVY" image --cache-dir "$TRIVY_CACHE" --scanners "$SCANNERS" --image-config-scanners misconfig --skip-db-update \
    --skip-check-update --skip-version-check --offline-scan --list-all-pkgs --format json --output .slipway/scan.json "$image"
"$TRIVY" convert --format cyclonedx --output .slipway/sbom.json .slipway/scan.json

export SLIPWAY_IMAGE=$image
"${test_stack[@]}" up --detach --wait
SLIPWAY_COMPOSE_PROJECT=$NAME-test "$PYTHON" -m pytest -p slipway_pytest tests/integration
"${test_stack[@]}" down --volumes --timeout 0

docker push --quiet "$image"
"${live_stack[@]}" up --detach --wait
curl --fail --silent --show-error --max-time 5 "http://127.0.0.1:$SLIPWAY_PORT/readyz"
curl --fail --silent --show-error --max-time 5 "http://127.0.0.1:$SLIPWAY_PORT/version" | grep --quiet "$commit"
