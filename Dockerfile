# Any image with python3 (3.11 or newer), its venv module and bash; deploy/local-engine.sh base-image
# makes one where no registry can be reached.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS builder
ENV PATH=/build/tools/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1
WORKDIR /build
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/selfinspect

# A layer of its own: a change of the source does not install the dependencies again. The pattern
# lets the copy succeed where there is no wheelhouse; then the script downloads one. Unchecked
# bytecode stays valid whatever a later copy does to the times of the sources; it has no docstrings,
# which would take 0.8 MiB of the agent's memory, but those of the command line, its help.
COPY deploy/*constraints.txt deploy/wheelhouse.sh deploy/
COPY deploy/constraints.txt wheelhous[e] wheelhouse/
RUN deploy/wheelhouse.sh && \
    export PIP_NO_INDEX=1 PIP_FIND_LINKS=/build/wheelhouse && \
    pip install --no-deps --require-hashes -r deploy/build-constraints.txt && \
    pip --python /opt/selfinspect install --no-deps --require-hashes -r deploy/constraints.txt && \
    python3 -m compileall -q -o 2 --invalidation-mode unchecked-hash /opt/selfinspect/lib && \
    find /opt/selfinspect/lib -name '*.opt-2.pyc' -exec \
      sh -c 'for each; do mv "$each" "${each%.opt-2.pyc}.pyc"; done' _ {} +

COPY LICENSE README.md pyproject.toml ./
COPY selfinspect/ selfinspect/
RUN pip wheel --no-index --no-deps --no-build-isolation --wheel-dir dist . && \
    pip --python /opt/selfinspect install --no-index --no-deps dist/*.whl && \
    python3 -m compileall -q -o 2 -x /cli/ --invalidation-mode unchecked-hash \
      /opt/selfinspect/lib/python3*/site-packages/selfinspect && \
    find /opt/selfinspect/lib -name '*.opt-2.pyc' -exec \
      sh -c 'for each; do mv "$each" "${each%.opt-2.pyc}.pyc"; done' _ {} + && \
    python3 -m compileall -q --invalidation-mode unchecked-hash \
      /opt/selfinspect/lib/python3*/site-packages/selfinspect/cli
COPY deploy/launcher.py /opt/selfinspect/bin/selfinspect

# The same in one file, for an image with another Python.
COPY deploy/pyz.sh deploy/pyz_main.py deploy/
RUN deploy/pyz.sh /opt/selfinspect.pyz

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="selfinspect" \
      org.opencontainers.image.description="What a container knows about itself: identity, inspect data, stats and events" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN install -d -o 65532 -g 65532 -m 0755 /run/selfinspect && \
    install -d -o 65532 -g 65532 -m 0700 /var/lib/selfinspect
# One pool of memory for all threads, given back from 64 KiB on: glibc else keeps MiB more, once
# requests come together.
ENV PATH=/opt/selfinspect/bin:$PATH \
    MALLOC_ARENA_MAX=1 \
    MALLOC_TRIM_THRESHOLD_=65536
USER 65532:65532
HEALTHCHECK --interval=60s --timeout=10s --start-period=10s CMD ["selfinspect", "healthcheck"]
ENTRYPOINT ["selfinspect"]
CMD ["serve"]
COPY --from=builder /opt/selfinspect.pyz /opt/selfinspect.pyz
COPY --from=builder /opt/selfinspect /opt/selfinspect
