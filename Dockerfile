# The image that runs the service. Its dependencies are the lock's, with their hashes, installed by
# the same make target that a checkout uses. It runs under a user of its own and writes nothing:
# `docker run --read-only` works.

FROM python:3.11-slim AS build
# `--build-arg LOCK=otel`: with OpenTelemetry's SDK, for traces.
ARG LOCK=runtime
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile pyproject.toml README.md LICENSE ./
COPY requirements/build.txt requirements/runtime.txt requirements/otel.txt requirements/
COPY service service
RUN make install VENV=/opt/venv EDITABLE= \
    && /opt/venv/bin/python -m compileall -q /opt/venv/lib

FROM python:3.11-slim
LABEL org.opencontainers.image.title=callerid \
    org.opencontainers.image.description="Caller-ID selection in front of Alibaba Cloud CCC" \
    org.opencontainers.image.licenses=Apache-2.0
RUN groupadd --gid 10001 callerid \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin callerid
COPY --from=build /opt/venv /opt/venv
COPY config/production.toml /etc/callerid/production.toml
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CALLERID_CONFIG=/etc/callerid/production.toml
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["callerid", "serve", "--host", "0.0.0.0", "--port", "8080"]
