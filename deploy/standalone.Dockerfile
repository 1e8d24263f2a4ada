# A folder with the agent and a Python of its own, for an image that has none. From the top of the
# checkout: docker build --file deploy/standalone.Dockerfile --tag selfinspect:standalone .
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS builder
ENV PATH=/build/tools/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python3 -m venv tools
COPY deploy/*constraints.txt deploy/wheelhouse.sh deploy/
COPY deploy/constraints.txt wheelhous[e] wheelhouse/
RUN deploy/wheelhouse.sh
COPY deploy/pyz.sh deploy/pyz_main.py deploy/standalone.sh deploy/
COPY selfinspect/ selfinspect/
RUN deploy/standalone.sh /opt/selfinspect /opt/selfinspect

FROM scratch
LABEL org.opencontainers.image.title="selfinspect" \
      org.opencontainers.image.description="What a container knows about itself, with a Python of its own" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder /opt/selfinspect /opt/selfinspect
