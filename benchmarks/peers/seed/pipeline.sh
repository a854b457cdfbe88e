#!/usr/bin/env bash
# The tutorials' steps as one script: each waits for the one before. `build` alone stops after the image.
set -euo pipefail
image=$REGISTRY/$NAME:latest
test_stack=(docker compose --project-name "$NAME-test" --file docker-compose.test.yml --file "$CHECKS")
live_stack=(docker compose --project-name "$NAME-live" --file docker-compose.yml --file "$CHECKS")
trap '"${test_stack[@]}" down --volumes >/dev/null 2>&1' ERR INT TERM

[ "${1:-}" = build ] || "$HADOLINT" --failure-threshold warning Dockerfile
docker build --build-arg PYTHON_IMAGE="$PYTHON_IMAGE" --build-context wheels="$WHEELS" --tag "$image" .
[ "${1:-}" = build ] && exit
docker run --rm --name "$NAME-unit" --env COVERAGE_FILE=/tmp/coverage "$image" pytest --cov --cov-report=term tests/unit
"$TRIVY" image --cache-dir "$TRIVY_CACHE" --scanners "$SCANNERS" --image-config-scanners misconfig --skip-db-update \
    --skip-check-update --skip-version-check --offline-scan --severity CRITICAL --exit-code 1 "$image"

export SLIPWAY_IMAGE=$image
"${test_stack[@]}" up --detach --wait
SLIPWAY_COMPOSE_PROJECT=$NAME-test "$PYTHON" -m pytest -p slipway_pytest tests/integration
"${test_stack[@]}" down --volumes

docker push --quiet "$image"
"${live_stack[@]}" up --detach --wait
curl --fail --silent --show-error --max-time 5 "http://127.0.0.1:$SLIPWAY_PORT/readyz"
curl --fail --silent --show-error --max-time 5 "http://127.0.0.1:$SLIPWAY_PORT/version"
