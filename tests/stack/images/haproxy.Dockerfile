# Stands in for haproxy where no registry can be reached: Debian's, with the image's user, folder and command.
FROM debian:bookworm
RUN apt-get update && apt-get install --yes --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/* && \
  userdel haproxy && useradd --system --uid 99 --home-dir /var/lib/haproxy haproxy && mkdir -p /usr/local/etc/haproxy
STOPSIGNAL SIGUSR1
USER haproxy
WORKDIR /var/lib/haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
