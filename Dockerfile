# The image of winback: every part of the distributed engine, and the embedded one, are commands of it.
#   docker build -t winback:0.1.0 . && docker run --rm winback:0.1.0 --help
# Base images are pinned by version. Whoever wants them by digest, too, puts it behind: python:3.13.7-slim-bookworm@sha256:...
FROM python:3.13.7-slim-bookworm AS build

WORKDIR /build
RUN python -m venv /opt/winback
COPY requirements/build.txt requirements/kafka.txt requirements/
# As ./dev installs: each package must have the hash that the lock has; dkimpy comes as source alone, and is built by what
# build.txt pins.
RUN /opt/winback/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements/build.txt \
    && /opt/winback/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: --no-binary dkimpy --no-build-isolation -r requirements/kafka.txt
COPY pyproject.toml README.md LICENSE ./
COPY engine engine
COPY connectors connectors
RUN /opt/winback/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13.7-slim-bookworm

# A user of its own, with a number that Kubernetes and others can check; it owns nothing but the data folder.
RUN groupadd --gid 10001 winback \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /shop --shell /usr/sbin/nologin winback \
    && mkdir -p /shop/data \
    && chown 10001:10001 /shop/data
COPY --from=build /opt/winback /opt/winback
COPY workflows /shop/workflows
ENV PATH=/opt/winback/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /shop
USER 10001:10001
VOLUME /shop/data
STOPSIGNAL SIGTERM
ENTRYPOINT ["winback"]
CMD ["run"]
