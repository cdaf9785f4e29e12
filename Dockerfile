FROM denoland/deno:debian-2.9.6 AS build
WORKDIR /build
COPY deno.json deno.lock ./
# Fetches the packages, and with an empty program the denort that a binary needs. A change of src
# leaves this layer as it is.
RUN deno install --frozen \
 && touch /tmp/empty.ts \
 && deno compile --no-config --output /tmp/empty /tmp/empty.ts
COPY src src
RUN deno task compile
# The binary, and the libraries that it is linked with. The binary contains the certificates of
# authorities.
RUN mkdir -p /image/etc /image/app \
 && mv wss /image/wss \
 && ldd /image/wss | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} /image \
 && echo 'wss:x:65532:65532::/app:/wss' > /image/etc/passwd

FROM scratch
LABEL org.opencontainers.image.title="wss" \
      org.opencontainers.image.description="Websocket notification service: pushes records of a Kafka topic, and resumes clients from it" \
      org.opencontainers.image.version="0.1.0"
COPY --from=build /image /
WORKDIR /app
# Else glibc keeps the memory of large frames and lists for later ones, and memory apart for each thread.
ENV MALLOC_MMAP_THRESHOLD_=131072 MALLOC_ARENA_MAX=2
USER 65532:65532
EXPOSE 3110
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/wss", "--health"]
ENTRYPOINT ["/wss"]
