# Our image as it is without any bytecode: what a plain `uv sync` on the official image leaves.
ARG IMAGE
FROM ${IMAGE}
USER root
RUN find / -xdev -name '*.pyc' -delete
USER 10001:10001
