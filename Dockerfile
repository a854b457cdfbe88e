# base → deps and build → runtime, and test beside runtime. Built twice, also without a cache, it gives the same digest:
# each stage that writes ends by giving every file one constant time, and the last stage only copies whole
# directories. (The exporter's rewrite-timestamp would do it too, but packs every layer again at each build.)

# Named with its digest in images.toml; a default, so that a plain `docker build .` works.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285
ARG SOURCE_DATE_EPOCH=1767225600

FROM ${PYTHON_IMAGE} AS base
ARG SOURCE_DATE_EPOCH
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
# The official image has no bytecode of the standard library, and our user could not keep any: every start would
# compile it again (three times slower). unchecked-hash: valid whatever the file times are, and the same each time.
# The user has an entry in /etc/passwd, for tools that look it up.
RUN stdlib="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && python -m compileall -q -j0 --invalidation-mode unchecked-hash \
        -x 'ensurepip|idlelib|lib2to3|site-packages|dist-packages|tkinter|turtledemo|/test/' "$stdlib" \
    && echo 'app:x:10001:10001:app:/nonexistent:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'app:x:10001:' >> /etc/group \
    && mkdir /app \
    && find "$stdlib" \( -type d -o -name '*.pyc' \) -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} + \
    && touch -d "@$SOURCE_DATE_EPOCH" /app /etc /etc/passwd /etc/group

# uv comes as a wheel pinned by its hash: one registry less to reach and to trust than an image of its own.
FROM base AS uv
COPY requirements-build.txt /
RUN --mount=type=secret,id=ca if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && pip install --no-cache-dir --no-compile --require-hashes --target /uv -r /requirements-build.txt

FROM base AS deps
ARG SOURCE_DATE_EPOCH
ENV UV_PROJECT_ENVIRONMENT=/venv \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    UV_NO_INSTALLER_METADATA=1
WORKDIR /src
# The secret `ca` is optional: the certificates of a proxy that inspects TLS, where there is one.
RUN --mount=from=uv,source=/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/root/.cache/uv,sharing=locked \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=secret,id=ca if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && uv sync --locked --no-default-groups \
    && python -c 'import alembic, gunicorn, psycopg, redis' \
    && find /venv -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

FROM base AS build
ARG SOURCE_DATE_EPOCH
# For trying out a pipeline: docs/reference/app.md. Empty in every image that is meant to work.
ARG APP_FAIL
WORKDIR /app
COPY gunicorn.conf.py ./
COPY app/ app/
# Bytecode and digested static files. Nothing of the app is imported: that would cost each change half a second.
RUN python -I -S -m compileall -q --invalidation-mode unchecked-hash . \
    && python -I -S app/digest.py \
    && if [ "$APP_FAIL" = leak ]; then python -c 'print("GITHUB_TOKEN=ghp_" + "x7Rk2Vq9Lm" * 3 + "B4tZ8w")' > .env; fi \
    && chmod -R u=rwX,go=rX . \
    && find . -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

FROM deps AS test-deps
RUN --mount=from=uv,source=/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/root/.cache/uv,sharing=locked \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=secret,id=ca if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && uv sync --locked --no-default-groups --group test \
    && install -d -m 1777 /reports

# The same base and packages that ship, plus pytest. Needs no network, no root and no writable disk but /tmp and /reports.
FROM test-deps AS test
ARG APP_FAIL
ENV APP_FAIL=${APP_FAIL} \
    COVERAGE_FILE=/tmp/coverage \
    PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
WORKDIR /app
COPY --from=build /app /app
COPY pyproject.toml ./
COPY tests/unit/ tests/unit/
USER 10001:10001
CMD ["pytest", "-p", "pytest_cov", "--cov", "--cov-report=term", "--cov-report=xml:/reports/coverage.xml", "tests/unit"]

FROM base AS runtime
WORKDIR /app
# --link: layers that do not lie on others, so nothing is unpacked for them where the layer cache was restored.
COPY --link --from=deps /venv /venv
COPY --link --from=build /app /app
USER 10001:10001
EXPOSE 8000
# Liveness only: a database that is down is no reason to replace this container.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-S", "/app/app/probe.py"]
CMD ["gunicorn", "--config", "/app/gunicorn.conf.py"]
# Last, because they change with every commit and nothing may be built again for it.
ARG APP_FAIL
ARG COMMIT=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG VERSION=dev
ENV APP_ENV=production \
    APP_BUILT=${CREATED} \
    APP_COMMIT=${COMMIT} \
    APP_FAIL=${APP_FAIL} \
    APP_VERSION=${VERSION} \
    FLASK_APP=app
LABEL org.opencontainers.image.title="Slipway sample" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.version="${VERSION}"
