ARG PYTHON_IMAGE=python:3.13-slim
FROM selfinspect AS selfinspect

FROM ${PYTHON_IMAGE}
COPY --from=selfinspect /opt/selfinspect /opt/selfinspect
COPY python /packages
ENV PYTHONPATH=/packages
COPY app.py /
ENTRYPOINT ["/opt/selfinspect/bin/selfinspect", "run", "--export-env=otel", "--wait", "30s", "--"]
CMD ["python3", "/app.py"]
