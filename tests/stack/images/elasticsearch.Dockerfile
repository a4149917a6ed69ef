# Stands in for elasticsearch where no registry can be reached: the node that tests/stack/es-up fetches, with the image's user, folders and
# variables (a name with a dot is a setting), its own entrypoint and Java are not here.
FROM debian:bookworm
COPY java /usr/share/elasticsearch/jdk
COPY home /usr/share/elasticsearch
COPY elasticsearch-run /usr/local/bin/docker-entrypoint.sh
RUN apt-get update && apt-get install --yes --no-install-recommends curl && rm -rf /var/lib/apt/lists/* && \
  useradd --uid 1000 --groups root --home-dir /usr/share/elasticsearch elasticsearch && cd /usr/share/elasticsearch && \
  mkdir -p config/jvm.options.d data logs plugins && chown -R 1000:0 config data logs plugins && chmod -R ug+w config data logs plugins
WORKDIR /usr/share/elasticsearch
USER elasticsearch:root
EXPOSE 9200 9300
ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]
