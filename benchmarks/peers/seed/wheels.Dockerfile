# The wheels of requirements.txt for the base image's Python, into a folder; made once, before anything is timed.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie
FROM ${PYTHON_IMAGE} AS download
COPY requirements.txt /
RUN --mount=type=secret,id=ca if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && pip download --no-cache-dir --only-binary=:all: --dest /wheels --requirement /requirements.txt
FROM scratch
COPY --from=download /wheels /
