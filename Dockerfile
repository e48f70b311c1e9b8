# Assay on Debian 13. Build: docker build -t assay .   Run: docker run --rm assay --help
FROM debian:13-slim AS build
WORKDIR /src
COPY run ./
RUN ./run deps engine
COPY CMakeLists.txt CMakePresets.json ./
COPY schemas schemas
COPY engine engine
COPY operators operators
RUN ./run build

FROM debian:13-slim
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends ca-certificates libcurl4t64 libfyaml0 libjemalloc2 \
       libmicrohttpd12t64 librdkafka1 libssl3t64 libyyjson0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home assay
COPY --from=build /src/build/release/assay /usr/local/bin/assay
COPY config /etc/assay
USER assay
ENTRYPOINT ["/usr/local/bin/assay"]
CMD ["run", "-c", "/etc/assay/assay.yaml"]
