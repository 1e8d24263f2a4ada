ARG NODE_IMAGE=node:22-slim
FROM selfinspect:standalone AS selfinspect

FROM ${NODE_IMAGE}
COPY --from=selfinspect /opt/selfinspect /opt/selfinspect
COPY node_modules /node_modules
COPY app.mjs /
ENTRYPOINT ["/opt/selfinspect/bin/selfinspect", "run", "--export-env=otel", "--wait", "30s", "--"]
CMD ["node", "/app.mjs"]
