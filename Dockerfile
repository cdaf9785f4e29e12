FROM denoland/deno:debian-2.9.6 AS build
WORKDIR /build
COPY deno.json deno.lock ./
COPY src src
RUN deno task compile
# The binary and what it is linked with; certificates of authorities are in the binary.
RUN mkdir -p /image/etc /image/app \
 && mv wss /image/wss \
 && ldd /image/wss | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} /image \
 && echo 'wss:x:65532:65532::/app:/wss' > /image/etc/passwd

FROM scratch
COPY --from=build /image /
WORKDIR /app
USER 65532:65532
EXPOSE 3110
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/wss", "--health"]
ENTRYPOINT ["/wss"]
